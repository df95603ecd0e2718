## The octave runtime's zygote: loads what jobs load, then forks one child for each job. Comes back in a child whose job is in place.
##
## It never runs a sample's code itself. Messages (JSON, descriptors beside them), as for the python runtime:
##
##   configure  descriptors: seccomp program                          once, before anything else
##   grow       {"modules": [...]}; descriptors: socket               forks another zygote
##   spawn      {"number", "user", "has"}; descriptors: socket of the
##              child, the cell's pid, mount and ipc namespaces,
##              then those that "has" names, then tasks files           forks a child, which enters the cell and waits
##
## Answers: {"ready": []} from a new zygote; {"ended": number, "status", "cpu", "peak"} when a child has ended;
## {"failed": text, "number"}.

function glasshouse_serve ()
  unsetenv ("LD_PRELOAD");
  unsetenv ("OCTAVE_VERSION_INITFILE");
  ## Octave's own start-up file, in the place of which start.m was read.
  source ([__octave_config_info__("startupfiledir") "/octaverc"]);
  again = getenv ("GLASSHOUSE_PAYLOAD");
  if (isempty (again))
    glasshouse_live (serve ());
  else
    unsetenv ("GLASSHOUSE_PAYLOAD");
    glasshouse_live (str2double (again));
  endif
  rmpath ("/opt/glasshouse/driver");
endfunction

## The place of a job, in its child.
function place = serve ()
  ## Children: handle, pid, number (NaN for zygotes).
  zygote = struct ("socket", 3, "filter", uint8 ([]), "home", -1, "children", zeros (0, 3));
  while (true)
    watched = [zygote.socket, zygote.children(:, 1)'];
    for descriptor = watched(glasshouse_jail ("wait", watched) > 0)
      if (descriptor != zygote.socket)
        zygote = reap (zygote, descriptor);
        continue;
      endif
      [zygote, place] = serve_one (zygote);
      if (! isempty (place))
        return;
      endif
    endfor
  endwhile
endfunction

## `place` is empty but in a child that has a job.
function [zygote, place] = serve_one (zygote)
  place = [];
  [text, descriptors] = glasshouse_job ("receive", zygote.socket);
  if (isempty (text))
    glasshouse_jail ("leave", 0);
  endif
  request = jsondecode (text);
  try
    switch (request.op)
      case "configure"
        zygote = configure (zygote, descriptors);
      case "grow"
        zygote = grow (zygote, descriptors);
      case "spawn"
        [zygote, place] = spawn (zygote, request, descriptors);
    endswitch
  catch failure
    number = "null";
    if (isfield (request, "number"))
      number = sprintf ("%d", request.number);
    endif
    answer (zygote, sprintf ('{"failed": %s, "number": %s}', jsonencode (failure.message), number));
    ## Programs can ask for the last error.
    lasterror ("reset");
  end_try_catch
  if (isempty (place))
    glasshouse_jail ("close", descriptors);
  endif
endfunction

function answer (zygote, text)
  glasshouse_jail ("send", zygote.socket, uint8 (text));
endfunction

function zygote = watch (zygote, process, number)
  zygote.children(end + 1, :) = [glasshouse_jail("handle", process), process, number];
endfunction

function zygote = reap(zygote, handle)
  row = find (zygote.children(:, 1) == handle);
  number = zygote.children(row, 3);
  finish = glasshouse_jail ("reap", zygote.children(row, 2));
  ## The answer first: somebody waits for it.
  if (! isnan (number))
    answer (zygote, sprintf ('{"ended": %d, "status": %d, "cpu": %.6f, "peak": %d}', number, finish));
  endif
  zygote.children(row, :) = [];
  glasshouse_jail ("close", handle);
endfunction

function zygote = configure (zygote, descriptors)
  zygote.filter = glasshouse_jail ("read", descriptors(1));
  zygote.home = glasshouse_jail ("handle", 0);
  glasshouse_warm ();
  ready (zygote);
endfunction

function zygote = grow (zygote, descriptors)
  process = glasshouse_jail ("fork", [-1, -1, -1]);
  if (process != 0)
    ## A zygote that the supervisor has ended is ours to reap, and nothing to report.
    zygote = watch (zygote, process, NaN);
    return;
  endif
  glasshouse_jail ("close", [zygote.children(:, 1)', zygote.home]);
  zygote.children = zeros (0, 3);
  glasshouse_jail ("duplicate", [descriptors(1), zygote.socket]);
  zygote.home = glasshouse_jail ("handle", 0);
  ready (zygote);
endfunction

function ready (zygote)
  threads = numel (glob ("/proc/self/task/*"));
  if (threads != 1)
    error ("Octave has %d threads, of which a fork takes one along", threads);
  endif
  fflush (stdout);
  answer (zygote, '{"ready": []}');
endfunction

function [zygote, place] = spawn (zygote, request, descriptors)
  place = [];
  has = glasshouse_job ("texts", request.has);
  extra = descriptors(5:end)(1:min (numel (has), end));
  named = @(name) [extra(strcmp(name, has)(1:numel (extra))), -1](1);
  process = glasshouse_jail ("fork", [descriptors(2), zygote.home, named("cgroup")]);
  if (process == 0)
    place = struct ("socket", descriptors(1), "enter", [descriptors(3:4), request.user, descriptors(5 + numel (extra):end)], ...
                    "ruleset", named ("ruleset"), "filter", zygote.filter);
    return;
  endif
  zygote = watch (zygote, process, request.number);
endfunction
