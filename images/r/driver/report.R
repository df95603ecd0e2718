# What an error says that nothing caught: R evaluates this on its way to the top level, with everything that was being called
# still there. It becomes the error that ended the script where R ends by it (src/guest/r).

LONGEST <- 16000L

# Numbers of errors that R tells only by their texts, in an error or in the warning before it.
ERRNOS <- c(
    "No space left on device" = 28L, "Disk quota exceeded" = 122L, "Permission denied" = 13L, "Read-only file system" = 30L,
    "Operation not permitted" = 1L, "Function not implemented" = 38L, "Network is unreachable" = 101L,
    "[Cc]ould(n't| not) resolve host" = 101L, "[Cc]annot open URL" = 101L, "unable to connect to" = 101L,
    "unable to resolve" = 101L, "cannot allocate (vector|memory|buffer)" = 12L, "std::bad_alloc" = 12L
)

# 1 if it was told.
report <- function() {
    frames <- seq_len(sys.nframe() - 1L)
    calls <- sys.calls()[frames]
    functions <- lapply(frames, sys.function)
    environments <- sys.frames()[frames]
    tryCatch(
        {
            tell(geterrmessage(), calls, functions, environments)
            1L
        },
        error = function(error) 0L
    )
}

# `calls`, and the functions and environments that belong to them, outermost first.
tell <- function(said, calls, functions, environments) {
    condition <- condition_of(calls, environments)
    # Test code is evaluated by the driver, whose own calls are nobody's concern.
    ours <- vapply(functions, function(called) identical(environment(called), environment(report)), NA)
    evaluates <- vapply(calls, identical, NA, quote(eval(expression, globalenv())))
    calls <- calls[!ours & !evaluates]
    message <- if (is.null(condition)) text_of(said, calls) else paste(conditionMessage(condition), collapse = "\n")
    # rlang appends the calls to its messages.
    message <- sub("\nBacktrace:\n.*", "", message)
    kind <- if (!is.null(condition)) {
        class(condition)[1]
    } else if (length(calls) == 0L && is_parse_error(said)) {
        "parseError"
    } else {
        "simpleError"
    }
    # Test code has no lines of the script, and a script that never began has none.
    line <- if (job$testing || jail_lines() == 0L) NULL else tryCatch(line_of_statement(jail_lines()), error = function(error) NULL)
    jail_write(file.path(OUT, "error.json.part"), charToRaw(json_object(
        type = json_text(kind),
        message = json_text(cut_text(message)),
        line = if (is.null(line)) "null" else line,
        traceback = json_text(cut_text(paste(c(said, traceback_of(calls)), collapse = ""))),
        chain = json_array(links(kind, said))
    )))
}

# The condition that was signalled, from the innermost calls of functions that signal one; rlang's own before the one that it
# hands to R.
condition_of <- function(calls, environments) {
    found <- NULL
    for (place in rev(utils::tail(seq_along(calls), 12L))) {
        name <- called(calls[[place]][[1]])
        holder <- switch(name, stop = "cond", signal_abort = "cnd", cnd_signal = "cnd", NULL)
        if (is.null(holder)) next
        value <- get0(holder, envir = environments[[place]], inherits = FALSE)
        if (inherits(value, "condition") && (is.null(found) || name != "stop")) found <- value
    }
    found
}

# The name of what is called: `f`, or `f` of `package::f`; a function itself has none.
called <- function(head) {
    if (is.call(head) && length(head) == 3L) head <- head[[3]]
    if (is.name(head)) as.character(head) else ""
}

# The message in what R printed of an error: "Error in CALL : MESSAGE".
text_of <- function(said, calls) {
    said <- sub("(\nCalls: [^\n]*)?\n$", "", said)
    for (call in rev(calls)) {
        start <- paste0("Error in ", deparse(call, nlines = 1L)[1], " : ")
        if (startsWith(said, start)) return(sub("^\n  ", "", substring(said, nchar(start) + 1L)))
    }
    sub("^Error( in .*?)? ?: (\n  )?", "", said, perl = TRUE)
}

is_parse_error <- function(said) grepl("^Error: (unexpected|invalid|malformed|bad value|nul character|attempt to use zero)", said)

# The line on which the statement begins whose last line was the `read`-th.
line_of_statement <- function(read) {
    lines <- readLines(job$script, n = read, warn = FALSE)
    statements <- tryCatch(parse(text = lines, keep.source = TRUE), error = function(error) NULL)
    if (length(statements) == 0L) read else as.integer(attr(statements, "srcref")[[length(statements)]])[1]
}

# As traceback() shows calls: innermost first.
traceback_of <- function(calls) {
    shown <- utils::tail(calls, 50L)
    lines <- vapply(shown, function(call) substr(deparse(call, nlines = 1L)[1], 1L, 200L), "")
    text <- rev(paste0(seq_along(shown) + length(calls) - length(shown), ": ", lines, "\n"))
    c(if (job$testing) "file \"<tests>\"\n", if (length(shown) > 0L) text)
}

# The error as a chain of one, with an errno if the texts tell one.
links <- function(kind, said) {
    if (!is.null(job$refused)) return(json_object(type = json_text(kind), errno = job$refused))
    warned <- names(get0("last.warning", envir = baseenv(), inherits = FALSE))
    known <- vapply(names(ERRNOS), function(sign) any(grepl(sign, c(said, warned))), NA)
    json_object(type = json_text(kind), errno = if (any(known)) ERRNOS[[which(known)[1]]] else "null")
}

cut_text <- function(text) substr(paste(text, collapse = "\n"), 1L, LONGEST)
