# The r runtime's zygote: loads what jobs load, then forks one child for each job.
#
# It never runs a sample's code itself. Messages (JSON, descriptors beside them), as for the python runtime:
#
#   configure  descriptors: seccomp program                          once, before anything else
#   grow       {"modules": [...]}; descriptors: socket               forks a zygote that loads more
#   spawn      {"number", "user", "has"}; descriptors: socket of the
#              child, the cell's pid, mount and ipc namespaces,
#              then those that "has" names, then tasks files           forks a child, which enters the cell and waits
#
# Answers: {"ready": [loaded packages]} from a new zygote; {"ended": number, "status", "cpu", "peak"} when a child has
# ended; {"failed": text, "number"}.

zygote <- new.env(parent = emptyenv())
zygote$socket <- 9L
zygote$filter <- raw()
zygote$home <- -1L
# By the handles of processes: their pids, and their numbers, NA for zygotes.
zygote$children <- integer()
zygote$numbers <- character()

# Answers the supervisor until it is gone. Comes back in a child that has a job, when the job's script is R's.
serve <- function() {
    # What is left of the shell's way of starting R.
    jail_close(8L)
    repeat {
        waiting <- c(zygote$socket, as.integer(names(zygote$children)))
        for (descriptor in waiting[jail_wait(waiting)]) {
            place <- if (descriptor == zygote$socket) serve_one() else reap(descriptor)
            # No handler of the zygote's is around what a child does.
            if (!is.null(place)) return(invisible(live(place)))
        }
    }
}

# In a child, the place that it is to live in; else NULL.
serve_one <- function() {
    message <- jail_receive(zygote$socket)
    if (message$text == "") jail_exit(0L)
    request <- read_json(message$text)
    said <- geterrmessage()
    answer_to <- list(configure = do_configure, grow = do_grow, spawn = do_spawn)[[request$op]]
    place <- tryCatch(
        answer_to(request, message$descriptors),
        error = function(error) {
            number <- if (is.null(request$number)) "null" else request$number
            answer(json_object(failed = json_text(conditionMessage(error)), number = number))
            # Programs can ask for the last error.
            .Internal(seterrmessage(said))
            NULL
        }
    )
    if (is.null(place)) jail_close(message$descriptors)
    place
}

answer <- function(text) jail_send(zygote$socket, text)

watch <- function(process, number) {
    handle <- as.character(jail_handle(process))
    zygote$children[handle] <- process
    zygote$numbers[handle] <- number
}

reap <- function(handle) {
    name <- as.character(handle)
    end <- jail_reap(zygote$children[[name]])
    number <- zygote$numbers[[name]]
    # The answer first: somebody waits for it.
    if (!is.na(number)) answer(sprintf('{"ended": %s, "status": %.0f, "cpu": %.6f, "peak": %.0f}', number, end[1], end[2], end[3]))
    zygote$children <- zygote$children[names(zygote$children) != name]
    zygote$numbers <- zygote$numbers[names(zygote$numbers) != name]
    jail_close(handle)
    NULL
}

do_configure <- function(request, descriptors) {
    zygote$filter <- jail_read(descriptors[1])
    zygote$home <- jail_handle(0L)
    ahead(base_plots)
    rehearse()
    settle()
    NULL
}

do_grow <- function(request, descriptors) {
    process <- jail_fork()
    if (process != 0L) {
        # A zygote that the supervisor has ended is ours to reap, and nothing to report.
        watch(process, NA_character_)
        return(NULL)
    }
    jail_close(c(as.integer(names(zygote$children)), zygote$home))
    zygote$children <- integer()
    zygote$numbers <- character()
    jail_duplicate(descriptors[1], zygote$socket)
    zygote$home <- jail_handle(0L)
    load(unlist(request$modules))
    settle()
    NULL
}

# Makes what is loaded cheap to share with children, and reports it.
settle <- function() {
    rest()
    # What survives several collections is old: small collections then neither look at it nor write to it.
    for (time in 1:4) gc(FALSE)
    answer(json_object(ready = json_array(vapply(loadedNamespaces(), json_text, ""))))
}

do_spawn <- function(request, descriptors) {
    extra <- as.list(descriptors[-(1:4)][seq_along(request$has)])
    names(extra) <- unlist(request$has)
    place <- function(name) if (is.null(extra[[name]])) -1L else extra[[name]]
    process <- jail_fork(descriptors[2], zygote$home, place("cgroup"))
    if (process == 0L) {
        return(list(
            socket = descriptors[1], mount = descriptors[3], ipc = descriptors[4], user = as.integer(request$user),
            tasks = descriptors[-seq_len(4 + length(extra))], ruleset = place("ruleset"), filter = zygote$filter
        ))
    }
    watch(process, request$number)
    NULL
}
