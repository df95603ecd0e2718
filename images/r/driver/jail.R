# Calls into libglasshouse_r.so (src/guest/r): messages, the fork into a cell, the door behind it. They give a negative number,
# -(step * 4096 + errno), where the kernel refuses; `check` turns that into an error.

jail <- local({
    path <- file.path(DRIVER, "libglasshouse_r.so")
    library <- dyn.load(path)
    found <- .Call(getNativeSymbolInfo("r_functions", library)$address)
    # The code stays, but getLoadedDLLs() does not tell programs of it.
    dyn.unload(path)
    structure(found, names = c(
        "receive", "fork", "enter", "lock", "wait", "handle", "reap", "close", "duplicate", "read", "started", "begin", "own",
        "send", "start", "confine", "write", "install", "exit", "lines"
    ))
})

check <- function(result, doing) {
    if (is.integer(result) && length(result) == 1L && result < 0L) {
        stop(sprintf("%s, step %d: errno %d", doing, -result %/% 4096L, -result %% 4096L), call. = FALSE)
    }
    result
}

# The next message, as text, and its descriptors; "" when the other side is gone.
jail_receive <- function(socket) {
    message <- check(.Call(jail$receive, socket), "receive")
    list(text = rawToChar(message[[1]]), descriptors = message[[2]])
}

jail_send <- function(socket, text) check(.Call(jail$send, socket, charToRaw(text)), "send")

# 0 in the child. Without a cell the child is another zygote.
jail_fork <- function(cell = -1L, home = -1L, cgroup = -1L) check(.Call(jail$fork, c(cell, home, cgroup)), "fork")

jail_enter <- function(mount, ipc, user, tasks) check(.Call(jail$enter, c(mount, ipc, user, tasks)), "enter the cell")

jail_lock <- function(ruleset) check(.Call(jail$lock, ruleset), "lock")

# `limits`: pairs of kind and value.
jail_start <- function(streams, limits) {
    kinds <- vapply(limits, function(limit) as.numeric(limit[[1]]), 0)
    values <- vapply(limits, function(limit) as.numeric(limit[[2]]), 0)
    check(.Call(jail$start, streams, c(kinds, values)), "start the job")
}

jail_confine <- function(filter, script) check(.Call(jail$confine, filter, script), "confine")

jail_wait <- function(descriptors) .Call(jail$wait, descriptors) == 1L

jail_handle <- function(process) check(.Call(jail$handle, process), "open a process")

jail_reap <- function(process) .Call(jail$reap, process)

jail_close <- function(descriptors) .Call(jail$close, descriptors)

jail_duplicate <- function(from, to) check(.Call(jail$duplicate, c(from, to)), "move a descriptor")

jail_read <- function(descriptor) check(.Call(jail$read, descriptor), "read a file")

# Bytes after `from` and up to `to` of `content` as a file; 0, or minus the errno.
jail_write <- function(path, content, from = 0L, to = length(content)) .Call(jail$write, path, content, c(from, to))

jail_started <- function(socket) check(.Call(jail$started, socket), "send")

jail_begin <- function(arguments) .Call(jail$begin, arguments)

# Takes the memory between two addresses, which is shared with the zygote until it is written to.
jail_own <- function(from, to) .Call(jail$own, c(from, to))

jail_exit <- function(status) .Call(jail$exit, status)

jail_install <- function(serve, test, report) .Call(jail$install, serve, test, report)

jail_lines <- function() .Call(jail$lines)
