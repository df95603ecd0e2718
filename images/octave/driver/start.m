## Read by Octave in place of its own start-up file, before the script. When it is over, this process is a job.
##
## glasshouse_serve.m  the loop that answers the supervisor     glasshouse_live.m  a child, from the fork to its script
## glasshouse_warm.m   what a zygote loads before it forks      glasshouse_end.m   when the script has come to its end
## glasshouse_jail.m   calls into glasshouse_octave.mex         glasshouse_job.m   what a job was given

addpath ("/opt/glasshouse/driver");
glasshouse_serve ();
