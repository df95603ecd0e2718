# Entry of the base zygote: `sh start.sh`, with the supervisor's socket as descriptor 3.
#
# Octave is started as it is for any job. Before it reads its script it reads its start-up files, the second of which is the driver's here.

export OCTAVE_VERSION_INITFILE=/opt/glasshouse/driver/start.m
export LD_PRELOAD=/opt/glasshouse/driver/glasshouse_octave.mex
exec octave-cli main.m
