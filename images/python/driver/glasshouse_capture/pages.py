"""Figures that a browser draws: each is left as a page, which the host shows when the program has ended.

The libraries' own ways out stay in place; what they would open, serve or convert is noted instead. A file that only a
browser can make holds a promise until then: a line of text with the number of the record that will fill it.
"""

import functools
import json
import os
import sys

from . import capture, quiet, records, state

LARGEST = 32 << 20  # bytes of one page
WIDTH, HEIGHT = 1280, 720  # of the window, in CSS pixels
PROMISE = "glasshouse: picture {:04d} is drawn when the program has ended\n"

# What a page of ours says when it is done: results as texts that begin with their kind, then a mark that can be seen.
_RUN = """<script>
(async () => {
  const give = (kind, text) => {
    const result = document.createElement("script");
    result.type = "text/plain";
    result.className = "glasshouse-result";
    result.textContent = kind + " " + text;
    document.body.append(result);
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const svg = (text) => "data:image/svg+xml," + encodeURIComponent(text);
  // The page's sheet: one image and nothing else, on a background.
  const lay = async (source, width, height, background) => {
    const style = document.createElement("style");
    style.textContent = `@page { size: ${width}px ${height}px; margin: 0 }
      @media print {
        body { margin: 0; background: ${background} }
        body > :not(#glasshouse-sheet) { display: none }
        #glasshouse-sheet { display: block; width: ${width}px; height: ${height}px }
      }`;
    const sheet = new Image();
    sheet.id = "glasshouse-sheet";
    sheet.src = source;
    await sheet.decode();
    document.body.append(style, sheet);
    return sheet;
  };
  const encoded = (text) => {
    let bytes = "";
    for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
    return btoa(bytes);
  };
  try {
    const given = JSON.parse(document.getElementById("glasshouse-given").textContent);
%s
  } catch (error) {
    give("error", String((error && error.message) || error));
  }
  const ready = document.createElement("div");
  ready.id = "glasshouse-ready";
  ready.style.cssText = "position:absolute;left:0;top:0;width:1px;height:1px";
  document.body.append(ready);
})();
</script>"""


def hook(owner, name, stand_in):
    """Let `stand_in(session, frame, original, bound)` answer calls of `owner.name` while a job runs.

    `bound` are the call's `inspect.BoundArguments`, defaults filled in. A call that does not fit, one from within
    another capture, and all calls outside of a job go to the original as they are.
    """
    import inspect  # not before a library that has loaded it anyway

    original = getattr(owner, name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def standing_in(*args, **kwargs):
        session = state.session
        if session is None or session.depth or session.pid != os.getpid():
            return original(*args, **kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return original(*args, **kwargs)
        bound.apply_defaults()
        session.depth += 1
        try:
            return stand_in(session, sys._getframe(1), original, bound)
        finally:
            session.depth -= 1

    setattr(owner, name, standing_in)


def script(given, body):
    """Script elements that run `body` on `given`: plain data, which the body finds under that name."""
    text = json.dumps(given, default=float)  # numbers may be NumPy's
    data = '<script type="application/json" id="glasshouse-given">%s</script>\n'
    return data % text.replace("<", "\\u003c") + _RUN % body


def view(document, scale=1, ready=True, picture="text"):
    """What is to be shown, and what of it is the picture.

    `document` is the page's text, or None where the file that is written is the page; `scale` device pixels per CSS
    pixel. `ready`: the page is one of ours and says when it is done. `picture`: the page's first result ("text"), its
    element `glasshouse-figure` ("element") or the window ("window").
    """
    return {"document": document, "width": WIDTH, "height": HEIGHT, "scale": float(scale), "ready": ready,
            "picture": picture}


def show(session, call, frame, shown, facts=None, path=None, form=None):
    """Leave a page for a figure that was shown, unless the very same was left before.

    `path` and `form` name the file that the call wrote, if it did.
    """
    key = hash((shown["document"], shown["scale"]))
    if key in session.pages:
        return
    number = session.take_number()
    if number is not None:
        session.pages.add(key)
        _leave(session, number, _origin(session, call, frame, path, form), shown, facts)


def wrote(session, call, frame, path, facts=None):
    """Note that a page was written to `path`, which is shown as it is at the end, once."""
    origin = _origin(session, call, frame, os.fsdecode(path), "html")
    if origin["written"] in session.pages:
        return
    number = session.take_number()
    if number is not None:
        session.pages.add(origin["written"])
        _leave(session, number, origin, view(None, ready=False, picture="window"), facts)


def promise(session, call, frame, path, form, shown, facts=None):
    """Write a promise to `path`, which raises what any write there would, and leave the page that keeps it."""
    path = os.fsdecode(path)
    number = session.take_number()
    try:
        with open(path, "wb") as file:
            file.write(PROMISE.format(number or 0).encode())
    except BaseException:
        session.sequence -= number is not None
        raise
    if number is not None:
        _leave(session, number, _origin(session, call, frame, path, form), shown, facts, promised=True)


def through(session, original, bound):
    """Call the original, with hooks that it comes by in force."""
    session.depth -= 1
    try:
        return original(*bound.args, **bound.kwargs)
    finally:
        session.depth += 1


def safely(describe, *what):
    """The facts that `describe` tells, or none: a figure may refuse any question."""
    try:
        with quiet.quiet():
            return describe(*what)
    except Exception:
        return None


def _leave(session, number, origin, shown, facts, promised=False):
    """Write the record of a page, and the page itself where it is no file of the program's."""
    page = {name: shown[name] for name in ("width", "height", "scale", "ready", "picture")}
    page.update(file=None, promise=origin["format"] if promised else None)
    fields = {"facts": facts}
    try:
        if shown["document"] is not None:
            data = shown["document"].encode("utf-8", "replace")
            if len(data) > LARGEST:
                raise ValueError(f"its page holds {len(data)} bytes; at most {LARGEST} are shown")
            page["file"] = f"{number:04d}.html"
            records.write_bytes(session.out_dir, page["file"], data)
        fields["page"] = page
    except (OSError, ValueError) as error:
        fields["error"] = str(error)
    try:
        records.write_json(session.out_dir, f"{number:04d}.json", records.record(number, origin, **fields))
    except Exception as error:
        capture.note_failure(session, error)


def _origin(session, call, frame, path, form):
    written = os.path.abspath(path) if path is not None else None
    return {"call": call, "path": path, "written": written, "format": form, "line": capture.line(session, frame)}
