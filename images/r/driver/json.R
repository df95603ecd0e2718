# As much of JSON as messages need: objects become lists by name, arrays lists, numbers stay texts (a seed has more digits
# than a double holds), null is NULL.

TOKEN <- '"(?:[^"\\\\]|\\\\.)*"|-?[0-9][-+0-9.eE]*|true|false|null|[][{}:,]'

# The value that a text of the supervisor's holds.
read_json <- function(text) {
    tokens <- regmatches(text, gregexpr(TOKEN, text, perl = TRUE))[[1]]
    at <- 1L
    value <- function() {
        token <- tokens[[at]]
        at <<- at + 1L
        switch(substr(token, 1, 1),
            "{" = members("}", TRUE),
            "[" = members("]", FALSE),
            "\"" = unescaped(token),
            t = TRUE,
            f = FALSE,
            n = NULL,
            token
        )
    }
    members <- function(end, named) {
        found <- list()
        while (tokens[[at]] != end) {
            name <- NULL
            if (named) {
                name <- unescaped(tokens[[at]])
                at <<- at + 2L
            }
            found <- c(found, if (is.null(name)) list(value()) else structure(list(value()), names = name))
            if (tokens[[at]] == ",") at <<- at + 1L
        }
        at <<- at + 1L
        found
    }
    value()
}

unescaped <- function(token) {
    text <- substr(token, 2, nchar(token) - 1)
    if (!grepl("\\", text, fixed = TRUE)) {
        return(text)
    }
    pieces <- regmatches(text, gregexpr("\\\\u[0-9a-fA-F]{4}|\\\\.|[^\\\\]+", text, perl = TRUE))[[1]]
    plain <- c(b = "\b", f = "\f", n = "\n", r = "\r", t = "\t")
    escaped <- function(piece) {
        if (substr(piece, 1, 1) != "\\") return(piece)
        kind <- substr(piece, 2, 2)
        if (kind == "u") return(intToUtf8(strtoi(substr(piece, 3, 6), 16L)))
        if (kind %in% names(plain)) plain[[kind]] else kind
    }
    paste(vapply(pieces, escaped, ""), collapse = "")
}

# A text as JSON; what is no UTF-8 in it is replaced.
json_text <- function(text) {
    text <- iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "\ufffd")
    text <- gsub("\\", "\\\\", text, fixed = TRUE)
    text <- gsub("\"", "\\\"", text, fixed = TRUE)
    for (code in which(vapply(1:31, function(code) grepl(intToUtf8(code), text, fixed = TRUE), NA))) {
        text <- gsub(intToUtf8(code), sprintf("\\u%04x", code), text, fixed = TRUE)
    }
    paste0("\"", text, "\"")
}

# Named values, already JSON, as an object.
json_object <- function(...) {
    members <- c(...)
    paste0("{", paste0(vapply(names(members), json_text, ""), ": ", members, collapse = ", "), "}")
}

json_array <- function(values) paste0("[", paste(values, collapse = ", "), "]")
