//! What a program can see of the process that it runs in: what `Rscript` shows, and nothing of another program.

use serde_json::{Value, json};

use crate::command::{lines, run_with};
use crate::plain::rscript;
use crate::words::assert_alike;

/// Prints what R tells of itself. What must differ between two processes is left out: process ids, names of temporary files,
/// amounts of memory; and what a job has by intention: its seed, and its own user. Packages and libraries are sorted: a zygote loads
/// what several programs have in common first.
const LOOK: &str = r#"
show <- function(name, value) cat(name, ":", paste(deparse(value, width.cutoff = 500L), collapse = "\n"), "\n")
show("last value", exists(".Last.value"))
show("names", setdiff(ls(all.names = TRUE), c("show", ".Random.seed")))
show("loaded", sort(loadedNamespaces()))
show("attached", search())
show("arguments", commandArgs())
show("options", lapply(options(), function(option) if (is.function(option)) deparse(option) else option))
environment <- Sys.getenv()
differs <- c("R_SESSION_TMPDIR", "PWD", "OLDPWD", "SHLVL", "_")
show("environment", environment[!names(environment) %in% differs])
show("folder", getwd())
show("files", list.files(all.files = TRUE))
show("temporary", c(dirname(tempdir()), dir.exists(tempdir()), length(list.files(tempdir()))))
show("temporary files", length(list.files("/tmp")))
show("device", list(dev.list(), dev.cur(), .Device, .Devices, graphics.off))
show("libraries", sort(vapply(getLoadedDLLs(), function(library) library[["path"]], "")))
show("locale", c(Sys.getlocale(), Sys.timezone(), l10n_info()))
show("capabilities", capabilities())
show("connections", showConnections(all = TRUE))
show("handlers", globalCallingHandlers())
show("callbacks", getTaskCallbackNames())
show("warnings", exists("last.warning", baseenv()))
show("calls", sys.calls())
show("interactive", interactive())
show("generators", RNGkind())
show("stack", Cstack_info()[c("size", "direction", "eval_depth")])
show("umask", Sys.umask())
show("compiler", compiler::enableJIT(-1))
show("hooks", lapply(c("plot.new", "before.plot.new", "grid.newpage", "persp"), getHook))
show("sinks", sink.number())
show("base", ls(baseenv(), all.names = TRUE))
show("clock", proc.time()[["elapsed"]] < 20)
show("descriptors", length(list.files("/proc/self/fd")))
show("error", sub(", already loading.*", "", geterrmessage()))
show("traceback", .traceback())
show("last plot", if ("ggplot2" %in% loadedNamespaces()) ggplot2::last_plot())
"#;

fn looks(before: &str) -> String {
    format!("{before}{LOOK}")
}

fn row(id: &str, code: &str) -> Value {
    json!({"id": id, "runtime": "r", "code": code})
}

#[test]
fn a_program_sees_what_it_sees_under_rscript() {
    let beginnings = [
        ("base", ""),
        ("ggplot2", "library(ggplot2)\n"),
        ("dplyr", "library(dplyr)\nlibrary(ggplot2)\nlibrary(tidyr)\n"),
    ];
    // Three times each: from a zygote that has loaded what all have, from one that was made for it, and after another job in it.
    let rows: Vec<Value> = (0..3)
        .flat_map(|time| {
            beginnings.map(|(id, before)| row(&format!("{id}-{time}"), &looks(&format!("# {time}\n{before}"))))
        })
        .collect();
    let done = run_with(&lines(&rows), &["--workers", "1"]);
    for (id, before) in beginnings {
        let plain = rscript(&looks(before));
        assert_eq!(plain.status, Some(0), "{}", plain.stderr);
        for time in 0..3 {
            let record = done.record(&format!("{id}-{time}"));
            assert_eq!(record["verdict"], "ok", "{record}");
            assert_alike(record["stdout"]["text"].as_str().unwrap(), &plain.stdout, 30);
        }
    }
}

/// Leaves something wherever a program can: in R, in files, in the environment.
const LITTER: &str = r#"
library(ggplot2)
litter <- 1
options(litter = 1)
Sys.setenv(LITTER = "1")
unlockBinding("pi", baseenv()); assign("pi", 4, envir = baseenv())
theme_set(theme_void()); print(ggplot(mtcars, aes(mpg, wt)) + geom_point())
for (place in c(tempdir(), "/tmp", "/work", "/home/sample", "/dev/shm")) writeLines("x", file.path(place, "litter"))
Sys.umask("077"); setwd("/tmp"); set.seed(9); invisible(runif(1))
setHook("plot.new", function(...) cat("litter\n"))
"#;
const SEARCH: &str = r#"
library(ggplot2)
cat(exists("litter"), getOption("litter", "none"), Sys.getenv("LITTER", "none"), pi == 4, "\n")
cat(class(theme_get()$panel.grid)[1], is.null(last_plot()), file.exists(file.path(
    c(tempdir(), "/tmp", "/work", "/home/sample", "/dev/shm"), "litter")), "\n")
cat(format(Sys.umask()), getwd(), runif(1), length(getHook("plot.new")), "\n")
"#;

#[test]
fn a_program_sees_nothing_of_the_one_before() {
    let both = format!("{LITTER}{SEARCH}");
    let seeded = |id: &str, code: &str| json!({"id": id, "runtime": "r", "code": code, "seed": 5});
    let rows = [seeded("alone", SEARCH), seeded("both", &both), seeded("after", SEARCH)];
    let done = run_with(&lines(&rows[..2]), &["--workers", "1"]);
    let text = |record: &Value| record["stdout"]["text"].as_str().unwrap().to_owned();
    let (alone, both) = (text(done.record("alone")), text(done.record("both")));
    // What is left can be found by who looks for it.
    for (clean, littered) in alone.split_whitespace().zip(both.split_whitespace()) {
        assert_ne!(clean, littered, "{alone}\n{both}");
    }
    let done = run_with(&lines(&rows[1..]), &["--workers", "1"]);
    assert_eq!(text(done.record("after")), alone);
}
