# What a zygote loads before it forks: the packages that the job loads, and what a first plot would wait for.
#
# R fetches functions, one by one as they are first used, from the packages' databases. Plots that are drawn ahead bring along
# what most plots use; what they leave behind is put back.

load <- function(packages) {
    for (package in packages) {
        # A package that does not load is the job's to find out.
        try(suppressWarnings(suppressMessages(loadNamespace(package))), silent = TRUE)
    }
    if ("ggplot2" %in% loadedNamespaces() && !isTRUE(zygote$drawn)) {
        zygote$drawn <- TRUE
        ahead(ggplots)
    }
}

# Evaluates something that loads and sets much, and puts back what that changed.
ahead <- function(action) {
    loaded <- loadedNamespaces()
    libraries <- names(getLoadedDLLs())
    settings <- options()
    try(suppressWarnings(suppressMessages(action())), silent = TRUE)
    while (!is.null(grDevices::dev.list())) grDevices::dev.off()
    # What came to be loaded by the way: a program that has not come that far does not have it.
    for (package in rev(setdiff(loadedNamespaces(), loaded))) try(unloadNamespace(package), silent = TRUE)
    for (library in setdiff(names(getLoadedDLLs()), libraries)) {
        try(library.dynam.unload(library, find.package(library)), silent = TRUE)
    }
    added <- setdiff(names(options()), names(settings))
    options(c(settings, structure(vector("list", length(added)), names = added)))
    if ("ggplot2" %in% loaded) ggplot2::set_last_plot(NULL)
    assign(".Device", "null device", baseenv())
    assign(".Devices", as.pairlist(list("null device")), baseenv())
    suppressWarnings(rm(".Random.seed", envir = globalenv()))
}

# Plots of R's own, on a device that leaves no file.
base_plots <- function() {
    grDevices::pdf(NULL)
    graphics::plot(1:6, c(2, 4, 3, 6, 5, 8), main = "ahead", type = "b", col = "red")
    graphics::legend("topleft", legend = c("a", "b"), col = 1:2, lty = 1)
    graphics::hist(c(1, 2, 2, 3), breaks = 3)
    graphics::barplot(c(a = 1, b = 2))
    graphics::boxplot(list(a = 1:4, b = 2:7))
    utils::str(data.frame(x = 1:2, y = c("a", "b")))
    print(summary(data.frame(x = 1:4)))
}

ggplots <- function() {
    grDevices::pdf(NULL)
    data <- data.frame(x = 1:6, y = c(2, 4, 3, 6, 5, 8), kind = rep(c("a", "b"), 3))
    # The functions of ggplot2, which is not attached, beside this data.
    list2env(mget(getNamespaceExports("ggplot2"), envir = asNamespace("ggplot2"), inherits = TRUE), environment())
    base <- ggplot(data, aes(x, y, colour = kind)) + labs(title = "ahead")
    print(base + geom_point() + geom_line() + facet_wrap(~kind))
    print(ggplot(data, aes(kind, y, fill = kind)) + geom_boxplot() + geom_col(alpha = 0.5) + theme_minimal())
    print(ggplot(data, aes(x, y, fill = y)) + geom_tile() + geom_text(aes(label = kind)) + coord_flip())
    print(ggplot(data, aes(y)) + geom_histogram(bins = 3))
}

# cli keeps a thread, which no fork takes along: it rests while there may be forks, and each job gets its own.
rest <- function() {
    if ("cli" %in% loadedNamespaces()) .Call(asNamespace("cli")$clic_stop_thread)
    threads <- function() length(list.files("/proc/self/task"))
    # A thread that was told to end takes a moment.
    for (time in 1:1000) if (threads() == 1L) return() else Sys.sleep(0.001)
    stop(sprintf("a package has started %d threads and cannot be loaded ahead", threads() - 1L))
}

wake <- function() {
    if ("cli" %in% loadedNamespaces()) {
        cli <- asNamespace("cli")
        .Call(cli$clic_start_thread, environment(cli$dummy), cli$clienv$tick_time, cli$clienv$speed_time)
    }
}
