## When the script has come to its end, in whatever way, and its figures are still there: tells of the error that ended it, runs the row's
## test code, and draws the figures that were left open. src/guest/octave calls this before Octave shuts down.
##
## `glasshouse_end ("tell", ERROR, ERRNO)` does the first alone.

function glasshouse_end (what, varargin)
  if (nargin > 0)
    tell (varargin{:}, "");
    return;
  endif
  job = glasshouse_job ("read", glasshouse_jail ("kept"));
  ending = glasshouse_jail ("kept", 1);
  if (ending(1))
    tell (lasterror (), [], ["/work/" job.script]);
  elseif (job.has_test && ! ending(2))
    test (job);
  endif
  draw (__go_figure_handles__ (true), job.capture.max_figures);
  rmpath ("/opt/glasshouse/driver");
endfunction

## Runs test code where the script has come to its end. An error in it ends Octave as any other does.
function test (job)
  try
    evalin ("base", job.test);
    leave ("tests.json", jsonencode (struct ("nonce", job.nonce)));
  catch
    failure = lasterror ();
    fprintf (stderr, "%s\n", said (failure));
    failure.tests = true;
    tell (failure, [], "");
    glasshouse_jail ("leave", 1, 0);
  end_try_catch
endfunction

## Leaves the error for the record. `errno`: one that is known from elsewhere. `script`: the program, of which the line is told.
function tell (failure, errno, script)
  LONGEST = 16000;
  ## What is no UTF-8 is replaced: regexp and jsonencode refuse it.
  failure.message = __u8_validate__ (failure.message);
  kind = failure.identifier;
  if (regexp (failure.message, '^package \S+ is not installed|^the following dependencies were unsatisfied', "once"))
    kind = "Octave:package-not-installed";
  elseif (strncmp (failure.message, "parse error", 11))
    kind = "Octave:parse-error";
  elseif (isempty (kind))
    kind = "error";
  endif
  if (isempty (errno))
    errno = errno_of (failure.message);
  endif
  line = line_of (failure, script);
  leave ("error.json", sprintf ('{"type": %s, "message": %s, "line": %s, "traceback": %s, "chain": [{"type": %s, "errno": %s}]}', ...
    text (kind), text (failure.message(1:min (LONGEST, end))), number (line), text (traceback (failure)(1:min (LONGEST, end))), ...
    text (kind), number (errno)));
endfunction

## Errnos of errors that Octave tells only by their texts; empty if it is none of them.
function errno = errno_of (message)
  SIGNS = {"No space left on device", 28; "Disk quota exceeded", 122; "Permission denied", 13; "Read-only file system", 30; ...
           "Operation not permitted", 1; "Function not implemented", 38; "Network is unreachable", 101; ...
           "Could(n't| not) resolve host", 101; "out of memory or dimension too large", 12};
  errno = [];
  for row = 1:rows (SIGNS)
    if (regexp (message, SIGNS{row, 1}, "once"))
      errno = SIGNS{row, 2};
      return;
    endif
  endfor
endfunction

## The line of the script that was at work: in its own frame, or the one that the parser names.
function line = line_of (failure, script)
  line = [];
  if (isempty (script))
    return;
  endif
  named = regexp (failure.message, '^parse error(?: near line (\d+) of file (\S+))?:?', "tokens", "once");
  if (numel (named) == 2 && strcmp (named{2}, script))
    line = str2double (named{1});
  elseif (isstruct (failure.stack) && ! isempty (failure.stack))
    frames = failure.stack(strcmp ({failure.stack.file}, script));
    if (! isempty (frames) && frames(end).line > 0)
      line = frames(end).line;
    endif
  endif
endfunction

## As Octave prints errors.
function result = traceback (failure)
  result = [said(failure) "\n"];
  if (isfield (failure, "tests"))
    result = ["file \"<tests>\"\n" result];
  elseif (isstruct (failure.stack) && ! isempty (failure.stack))
    result = [result "error: called from\n"];
    for frame = failure.stack(:)'
      result = [result sprintf("    %s at line %d column %d\n", frame.name, frame.line, frame.column)];
    endfor
  endif
endfunction

function result = said (failure)
  result = ["error: " failure.message];
endfunction

## Each figure that no file shows becomes a picture, the one that `print` would make of it. One without axes cannot be printed, and
## shows nothing.
function draw (figures, most)
  count = 0;
  for figure = sort (figures(:)')
    if (isfield (get (figure, "__rotate_mode__"), "printed") || isempty (findall (figure, "type", "axes")))
      continue;
    endif
    count++;
    if (count > most)
      leave ("overflow.json", sprintf ('{"figures": %d}', count - most));
      continue;
    endif
    file = sprintf ("figure%d.png", count);
    origin = '"origin": {"call": "open"}';
    record = sprintf ('{%s, "buffer": {"file": "%s", "format": "png", "figure": true}, "facts": {"figure": %d}}', origin, file, figure);
    try
      print_quietly (figure, ["/opt/glasshouse/out/" file]);
    catch failure
      record = sprintf ('{%s, "error": %s, "facts": {"figure": %d}}', origin, text (failure.message), figure);
    end_try_catch
    leave (sprintf ("%04d.json", count), record);
  endfor
endfunction

## What is said on the way is no output of the program. The figure is not shown, so that it is drawn once. In a folder of ours, where no
## function of the program's stands in the way of one of Octave's.
function print_quietly (figure, file)
  warnings = warning ();
  warning ("off", "all");
  folder = pwd ();
  cd ("/opt/glasshouse/driver");
  fflush (stdout);
  glasshouse_jail ("quiet", 1);
  unwind_protect
    set (figure, "visible", "off");
    print (figure, file, "-dpng");
  unwind_protect_cleanup
    fflush (stdout);
    glasshouse_jail ("quiet", 0);
    cd (folder);
    warning (warnings);
  end_unwind_protect
endfunction

## Leaves a file in the captures folder, whole or not at all.
function leave (name, content)
  path = ["/opt/glasshouse/out/" name];
  bytes = uint8 (content);
  if (glasshouse_jail ("write", uint8 ([path ".part\0"]), bytes, [0, numel(bytes)]) == 0)
    rename ([path ".part"], path);
  endif
endfunction

## A text in JSON; one that was cut may end in half a character.
function result = text (given)
  result = jsonencode (__u8_validate__ (given));
endfunction

function result = number (given)
  result = "null";
  if (! isempty (given))
    result = sprintf ("%d", given);
  endif
endfunction
