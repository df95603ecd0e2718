## What a zygote loads before it forks: the functions that plots and other scripts use, read and parsed. None of them is called, so that
## nothing has happened that a script could tell: no figure was made, no number was drawn at random, nothing was printed.

function glasshouse_warm ()
  FOLDERS = {"plot/appearance", "plot/draw", "plot/util", "elfun", "general", "geometry", "image", "linear-algebra", "miscellaneous", ...
             "optimization", "path", "pkg", "polynomial", "set", "signal", "special-matrix", "specfun", "statistics", "strings", "time"};
  for folder = FOLDERS
    for file = glob ([__octave_config_info__("fcnfiledir") "/" folder{1} "/*.m"])'
      [~, name] = fileparts (file{1});
      parse (name);
    endfor
  endfor
  ## Functions that only those of their folder can call (images/octave/finish.sh).
  __parse_appearance__ ();
  __parse_draw__ ();
  __parse_util__ ();
  ## The driver's own, for a job's end.
  parse ("glasshouse_end");
  ## What draws by gnuplot, and the fonts that text is measured with.
  parse ("__init_gnuplot__");
  listfonts ();
  lasterror ("reset");
endfunction

## Asking for the number of its arguments makes Octave read a function.
function parse (name)
  try
    nargin (name);
  catch
    ## Of classes there is none to tell.
  end_try_catch
endfunction
