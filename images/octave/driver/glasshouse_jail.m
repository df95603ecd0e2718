## Calls into glasshouse_octave.mex (src/guest/octave): messages, the fork into a cell, the door behind it.
##
## `glasshouse_jail (NAME, ...)`. Where the kernel refuses, a call gives a negative number, -(step * 4096 + errno), and this raises an
## error; `write` alone gives minus the errno.

function result = glasshouse_jail (name, varargin)
  persistent NAMES = {"receive", "send", "fork", "enter", "lock", "start", "confine", "wait", "handle", "reap", "close", ...
                      "duplicate", "read", "write", "started", "begin", "keep", "kept", "leave", "quiet"};
  number = find (strcmp (name, NAMES)) - 1;
  result = glasshouse_octave (number, varargin{:});
  if (isa (result, "double") && isscalar (result) && result < 0 && ! strcmp (name, "write"))
    error ("%s, step %d: errno %d", name, floor (-result / 4096), mod (-result, 4096));
  endif
endfunction
