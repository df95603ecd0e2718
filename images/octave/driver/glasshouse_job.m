## What the supervisor hands to a job: `glasshouse_job ("receive", SOCKET)` gives the next message and its descriptors,
## `glasshouse_job ("read", PAYLOAD)` what a payload holds.

function [first, second] = glasshouse_job (what, given)
  switch (what)
    case "receive"
      [first, second] = receive (given);
    case "read"
      first = unpack (given);
    case "texts"
      first = texts (given);
  endswitch
endfunction

## The text is empty when the other side is gone.
function [text, descriptors] = receive (socket)
  bytes = glasshouse_jail ("receive", socket);
  [text, descriptors] = deal ("", zeros (1, 0));
  if (! isempty (bytes))
    last = 1 + 4 * double (bytes(1));
    descriptors = double (typecast (bytes(2:last), "int32"));
    text = char (bytes(last + 1:end));
  endif
endfunction

## Length of a header (8 bytes), the header in JSON, then the contents one after another: code, test code, files.
function job = unpack (payload)
  size = double (typecast (payload(1:8), "uint64"));
  text = char (payload(9:8 + size));
  job = jsondecode (text);
  ## A seed has more digits than a double holds.
  job.digits = regexp (text, '"seed":(\d+)', "tokens", "once"){1};
  job.args = texts (job.args);
  job.files = texts (job.files);
  job.has_test = ! isnan (job.lengths(2));
  lengths = job.lengths(:)';
  lengths(isnan (lengths)) = 0;
  job.ends = 8 + size + cumsum (lengths);
  job.starts = job.ends - lengths;
  job.test = char (payload(job.starts(2) + 1:job.ends(2)));
endfunction

## An array of JSON that holds texts is a cell array, but for one without any.
function result = texts (given)
  result = {};
  if (! isempty (given))
    result = cellstr (given);
  endif
endfunction
