## A job's child, from the fork to its script. `place` is where it goes, or, where Octave was started a second time, the descriptor
## of a file that holds the job.

function glasshouse_live (place)
  if (! isstruct (place))
    payload = glasshouse_jail ("read", place);
    glasshouse_jail ("close", place);
    ready (payload, glasshouse_job ("read", payload));
    return;
  endif
  try
    ## The supervisor may ask for this long before it has a job, so all that does not depend on the job is done before the wait.
    glasshouse_jail ("enter", place.enter);
    glasshouse_jail ("lock", place.ruleset);
    umask (22);
    [text, descriptors] = glasshouse_job ("receive", place.socket);
    if (isempty (text))
      glasshouse_jail ("leave", 0);
    endif
    limits = jsondecode (text).limits;
    glasshouse_jail ("start", descriptors(2:4), limits(:, 1)', limits(:, 2)');
    payload = glasshouse_jail ("read", descriptors(1));
    job = glasshouse_job ("read", payload);
    refused = lay_out (job, payload);
    cd ("/work");
    glasshouse_jail ("started", place.socket);
    glasshouse_jail ("confine", place.filter);
  catch failure
    ## Our failure, whatever it is, is told as such, but nobody listens to a child that was given up.
    try
      glasshouse_jail ("send", place.socket, uint8 (["failed " failure.message]));
    catch
    end_try_catch
    glasshouse_jail ("leave", 127);
  end_try_catch
  if (refused != 0)
    refuse (refused);
  elseif (! isempty (job.args))
    start_again (job, payload);
  endif
  ready (payload, job);
endfunction

## Behind the door, or Octave's thread for signals would not be confined as the job is.
function ready (payload, job)
  glasshouse_jail ("keep", payload);
  seed (job.digits);
  glasshouse_jail ("begin");
endfunction

## 0, or minus the errno if the disk does not take the files.
function result = lay_out (job, payload)
  paths = [{job.script}; job.files(:)];
  places = [1, 3:numel(job.starts)];
  for index = 1:numel (paths)
    path = ["/work/" paths{index}];
    folder = fileparts (path);
    if (! isfolder (folder))
      system (["mkdir -p -- '" strrep(folder, "'", "'\\''") "'"]);
    endif
    range = [job.starts(places(index)), job.ends(places(index))];
    result = glasshouse_jail ("write", uint8 ([path "\0"]), payload, range);
    if (result < 0)
      return;
    endif
  endfor
endfunction

## The generators start with the row's seed, each with its own number beside it: they would draw from one sequence otherwise.
function seed (digits)
  number = 0;
  for digit = digits - "0"
    number = mod (number * 10 + digit, 2 ^ 32);
  endfor
  generators = {@rand, @randn, @rande, @randg, @randp};
  for index = 1:numel (generators)
    generators{index}("twister", [number, index]);
  endfor
endfunction

## Octave takes the arguments of its script when it starts, so a job that has some starts it a second time, behind the door.
function start_again (job, payload)
  setenv ("GLASSHOUSE_PAYLOAD", sprintf ("%d", glasshouse_jail ("keep", payload, 1)));
  setenv ("OCTAVE_VERSION_INITFILE", "/opt/glasshouse/driver/start.m");
  setenv ("LD_PRELOAD", "/opt/glasshouse/driver/glasshouse_octave.mex");
  exec ("octave-cli", [{job.script}; job.args(:)]);
endfunction

function refuse (result)
  said = sprintf ("errno %d", -result);
  if (result == -28)
    said = "no space left on device";
  endif
  said = ["the row's files cannot be written: " said];
  fprintf (stderr, "error: %s\n", said);
  glasshouse_end ("tell", struct ("message", said, "identifier", "", "stack", []), -result);
  glasshouse_jail ("leave", 1);
endfunction
