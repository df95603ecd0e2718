# A job's child, from the fork to the first line of its script, and its test code after the last.

WORK <- "/work"
OUT <- "/opt/glasshouse/out"

job <- new.env(parent = emptyenv())
job$test <- NULL
job$testing <- FALSE

# Enters the cell and waits there; then lays out the inputs, locks the door and comes back.
#
# The supervisor may ask for this long before it has a job, so all that does not depend on the job is done before the wait.
live <- function(place) {
    tryCatch(
        {
            jail_enter(place$mount, place$ipc, place$user, place$tasks)
            jail_lock(place$ruleset)
            Sys.umask("022")
            # R's own temporary folder, which it removes when it ends. The zygote's is in another place.
            tempdir(check = TRUE)
            own_heap()
            message <- jail_receive(place$socket)
            if (message$text == "") jail_exit(0L)
            jail_start(message$descriptors[2:4], read_json(message$text)$limits)
            refused <- prepare(jail_read(message$descriptors[1]))
            jail_started(place$socket)
            jail_confine(place$filter, if (refused == 0L) job$script else "/dev/null")
        },
        error = function(error) {
            # Our failure, whatever it is, is told as such, but nobody listens to a child that was given up. It must not come back
            # to its zygote's loop even so: it would take requests from the zygote's socket.
            try(jail_send(place$socket, paste("failed", conditionMessage(error))), silent = TRUE)
            jail_exit(127L)
        }
    )
    # Behind the door, or its threads would not be confined as it is.
    wake()
    if (refused != 0L) {
        job$refused <- -refused
        stop("the row's files cannot be written: ", if (refused == -28L) "no space left on device" else paste("errno", -refused), call. = FALSE)
    }
}

# Takes R's heap at once. After a fork each page is copied when it is first written to, and R writes all over its heap.
own_heap <- function() {
    heap <- grep("[heap]", readLines("/proc/self/maps"), fixed = TRUE, value = TRUE)
    for (line in heap) {
        ends <- strsplit(sub(" .*", "", line), "-")[[1]]
        jail_own(as.numeric(paste0("0x", ends[1])), as.numeric(paste0("0x", ends[2])))
    }
}

# Makes the process the job's: files, folder, arguments, random numbers. 0, or minus the errno if the disk does not take the files.
prepare <- function(payload) {
    size <- readBin(payload[1:4], "integer", endian = "little")
    header <- read_json(rawToChar(payload[8L + seq_len(size)]))
    lengths <- vapply(header$lengths, function(length) if (is.null(length)) NA_integer_ else as.integer(length), 0L)
    ends <- 8L + size + cumsum(ifelse(is.na(lengths), 0L, lengths))
    starts <- ends - ifelse(is.na(lengths), 0L, lengths)
    job$script <- file.path(WORK, header$script)
    job$nonce <- header$nonce
    # Code, test code, then the files.
    if (!is.na(lengths[2])) job$test <- rawToChar(payload[starts[2] + seq_len(lengths[2])])
    refused <- lay_out(c(header$script, unlist(header$files)), payload, starts[-2], ends[-2])
    setwd(WORK)
    arguments <- unlist(header$args)
    jail_begin(c(
        "/usr/lib/R/bin/exec/R", "--no-echo", "--no-restore", paste0("--file=", header$script),
        if (length(arguments) > 0L) c("--args", arguments)
    ))
    set.seed(small_seed(header$seed))
    refused
}

lay_out <- function(paths, content, starts, ends) {
    for (index in seq_along(paths)) {
        path <- file.path(WORK, paths[[index]])
        if (!dir.exists(dirname(path))) dir.create(dirname(path), showWarnings = FALSE, recursive = TRUE)
        result <- jail_write(path, content, starts[[index]], ends[[index]])
        if (result < 0L) return(result)
    }
    0L
}

# R's seeds are integers, a row's may be larger: its remainder modulo 2^31 - 1.
small_seed <- function(digits) {
    seed <- 0
    for (digit in strsplit(digits, "")[[1]]) seed <- (seed * 10 + as.integer(digit)) %% 2147483647
    seed
}

# Goes through what every job goes through: functions are compiled when they are used for the second time.
rehearse <- function() {
    header <- '{"script": "main.R", "files": ["a/b"], "lengths": [1, null, 1], "seed": 18446744073709551615, "limits": [[1, 2]]}'
    for (time in 1:3) {
        message <- read_json(header)
        small_seed(message$seed)
        vapply(message$limits, function(limit) as.numeric(limit[[1]]), 0)
        json_object(failed = json_text("rehearsal\n"))
    }
}

# Runs the job's test code where the script has come to its end. An error in it ends R as any other does.
run_tests <- function() {
    if (is.null(job$test)) {
        return(invisible())
    }
    # A script that ends in the middle of a statement has not come to its end: R says so when this returns.
    if (inherits(try(parse(job$script, keep.source = FALSE), silent = TRUE), "try-error")) {
        return(invisible())
    }
    job$testing <- TRUE
    for (expression in parse(text = job$test, keep.source = FALSE)) eval(expression, globalenv())
    leave("tests.json", json_object(nonce = json_text(job$nonce)))
}

# Leaves a file in the captures folder, whole or not at all.
leave <- function(name, text) {
    partial <- file.path(OUT, paste0(name, ".part"))
    jail_write(partial, charToRaw(text))
    file.rename(partial, file.path(OUT, name))
}
