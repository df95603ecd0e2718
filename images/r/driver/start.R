# Installs the driver in R, in an environment that no search finds. R reads this by the one line of start.sh.
#
# json.R     messages of the supervisor, and evidence for it     warmth.R  what a zygote loads before it forks
# jail.R     calls into libglasshouse_r.so                       job.R     a child, from the fork to the script's first line
# zygote.R   the loop that answers the supervisor                report.R  what an error says that ended a script

DRIVER <- "/opt/glasshouse/driver"
for (part in c("json", "jail", "warmth", "report", "job", "zygote")) {
    sys.source(file.path(DRIVER, paste0(part, ".R")), environment())
}
rm(part)
# Of the shell's, not of a job's.
Sys.unsetenv("TMPDIR")
jail_install(
    as.call(list(serve)),
    as.call(list(run_tests)),
    as.call(list(report))
)
