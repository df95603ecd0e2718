# Entry of the base zygote: `sh start.sh`, with the supervisor's socket as descriptor 3.
#
# R reads its script from a pipe that holds one line. That line installs the driver (start.R), which then waits in R's own
# place for reading the next line. A forked child finds its job's script there instead: the descriptor is the same.

# A script that R is started with is its descriptor 3, so the socket moves away.
exec 9<&3 3<&-
# The only place that may be written before a cell is entered. R makes a folder for temporary files when it starts.
export TMPDIR=/home/sample
exec /usr/lib/R/bin/R --no-echo --no-restore --file=/proc/self/fd/8 8<<'LINE'
local(sys.source("/opt/glasshouse/driver/start.R", new.env(parent = baseenv())))
LINE
