"""Decides what is captured at a save, a show and the end, and where it is drawn."""

import os
import traceback
import weakref

from . import animation, facts, forking, quiet, records, render, settled, tail, targets

originals = {}  # the unwrapped functions of matplotlib, by our names


class Pending:
    """A save that is under way."""

    __slots__ = ("figure", "call", "kwargs", "target", "writer", "dpi", "listener")

    def __init__(self, figure, call, kwargs, target, writer):
        self.figure, self.call, self.kwargs, self.target, self.writer = figure, call, kwargs, target, writer
        self.dpi = figure.dpi  # `print_pdf` leaves its own behind
        self.listener = quiet.Listener().start()


def before_save(session, owner, call, positional, kwargs, frame):
    """Note what the script asked for; `owner` is the figure or, for canvas methods, the canvas. Never raises."""
    try:
        figure = owner if call == "savefig" else owner.figure
        writer = animation.writer_of(frame)
        given = {**positional, **kwargs}
        name = given.pop("fname" if call == "savefig" else "filename", None)
        target = targets.Target(name, given.get("format"), call, figure)
        return Pending(figure, call, given, target, writer)
    except Exception as error:
        note_failure(session, error)
        return None


def save_ended(pending):
    """Stop listening to the script's save, however it ended."""
    if pending is not None:
        pending.listener.stop()


def after_save(session, pending, frame):
    """The script's save succeeded: capture the figure as it is now. Never raises."""
    if pending is None:
        return
    try:
        if pending.writer is not None:
            animation.frame_saved(session, pending.writer, pending.figure)
        elif session.pid == os.getpid():
            _capture_save(session, pending, frame)
    except Exception as error:
        note_failure(session, error)


def _capture_save(session, pending, frame):
    number = session.take_number()
    if number is None:
        return
    figure, target = pending.figure, pending.target
    target.saved()
    state = session.of(figure)
    key = _settings(figure, pending.call, pending.kwargs, pending.dpi)
    fields = {"buffer": target.keep_bytes(session, number)}
    origin = _origin(session, pending.call, frame, target)
    known = state.seen.get(key)
    if known is None:
        state.seen[key] = number
    if known is not None or target.holds_png(fields["buffer"]):
        fields["same_as"] = known
        fields["facts"] = facts.safely(figure, None) if known is None else None
        records.write_json(session.out_dir, f"{number:04d}.json", records.record(number, origin, **fields))
    else:
        # A save that warns or logs would do so differently after a draw of ours: caches would be filled.
        alone = not pending.listener.heard and tail.user_code_is_over(session, frame, figure)
        silent = _draw(session, number, figure, origin, _redraw(pending), fields, alone)
        if alone and silent:
            session.drawn = weakref.ref(figure)
    state.ever = True


def on_show(session, args, frame):
    """`plt.show()` shows all of pyplot's figures, `fig.show()` its own. Never raises."""
    try:
        if session.pid != os.getpid():
            return
        figures = [args[0]] if args and hasattr(args[0], "savefig") else _managed()
        for figure in figures:
            origin = _origin(session, "show", frame, None)
            _capture_plain(session, figure, origin, tail.user_code_is_over(session, frame, figure))
    except Exception as error:
        note_failure(session, error)


def open_figures(session):
    """Capture what pyplot holds and what the object API left alive, in the states not yet captured."""
    alone = bool(session.options.tail) and tail.process_is_quiet(session)
    managed = _managed()
    for figure in managed:
        _capture_plain(session, figure, _origin(session, "open", None, None), alone)
    known = {id(figure) for figure in managed}
    for figure in session.alive():
        manager = getattr(figure.canvas, "manager", None)
        if id(figure) not in known and manager is None and not session.of(figure).ever:
            _capture_plain(session, figure, _origin(session, "open", None, None), alone)


def _managed():
    import sys

    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return [manager.canvas.figure for manager in helpers.Gcf.get_all_fig_managers()] if helpers else []


def _capture_plain(session, figure, origin, alone):
    """Capture `figure` as `savefig("x.png")` would save it, unless this state is known already."""
    state = session.of(figure)
    if state.seen or state.ever and facts.is_empty(figure):
        return
    number = session.take_number()
    if number is None:
        return
    state.seen[_settings(figure, "savefig", {}, figure.dpi)] = number
    state.ever = True

    def draw(sink):
        originals["savefig"](figure, sink, format="png")

    _draw(session, number, figure, origin, draw, {}, alone)


def _redraw(pending):
    kwargs = render.arguments_for_png(pending.kwargs)
    figure, call = pending.figure, pending.call

    def draw(sink):
        if settled.is_settled(figure):
            with settled.without_the_idle_pass(figure):
                save(sink)
        else:
            save(sink)

    def save(sink):
        if call == "savefig":
            originals["savefig"](figure, sink, format="png", **kwargs)
        elif call == "print_figure":
            originals["print_figure"](figure.canvas, sink, format="png", **kwargs)
        else:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.cbook import _setattr_cm

            with _setattr_cm(figure, dpi=pending.dpi):
                FigureCanvasAgg(figure).print_png(sink)

    return draw


def _draw(session, number, figure, origin, draw, fields, alone):
    """Draw here if `alone`, else in a forked copy; returns whether it went well and nothing was to be heard."""

    def work():
        session.depth += 1
        session.quiet += 1
        try:
            with quiet.quiet() as noise:
                value = records.record(number, origin, **fields)
                try:
                    value["pixels"] = render.pixels(session, number, figure, draw)
                except Exception as error:
                    value["error"] = _text(error)
                value["facts"] = facts.safely(figure, value["pixels"])
            records.write_json(session.out_dir, f"{number:04d}.json", value)
        finally:
            session.depth -= 1
            session.quiet -= 1
        return noise, value["error"] is None

    if alone:
        noise, well = work()
        return well and noise.is_silent()
    try:
        forking.run_in_copy(work, session.options.capture_seconds)
        if records.exists(session.out_dir, number):
            return True
        raise forking.ForkFailed("the capture process left no record")
    except forking.ForkFailed as error:
        value = records.record(number, origin, **fields, error=str(error))
        records.write_json(session.out_dir, f"{number:04d}.json", value)
        return False


def _settings(figure, call, kwargs, dpi):
    """What decides a PNG's pixels besides the figure's state, as something hashable."""
    from matplotlib import rcParams

    if call not in ("savefig", "print_figure"):
        return ("canvas", float(dpi))
    asked = kwargs.get("dpi")
    asked = rcParams["savefig.dpi"] if asked is None else asked
    asked = getattr(figure, "_original_dpi", dpi) if isinstance(asked, str) else asked
    transparent = kwargs.get("transparent") if call == "savefig" else False
    transparent = rcParams["savefig.transparent"] if transparent is None else transparent
    key = [float(asked), bool(transparent)]
    for name in ("facecolor", "edgecolor"):
        value = kwargs.get(name)
        value = "none" if value is None and transparent else value
        key.append(repr(rcParams[f"savefig.{name}"] if value is None else value))
    for name, setting in (("bbox_inches", "savefig.bbox"), ("pad_inches", "savefig.pad_inches")):
        value = kwargs.get(name)
        key.append(repr(rcParams[setting] if value is None else value))
    extra = kwargs.get("bbox_extra_artists")
    key.append(None if extra is None else tuple(id(artist) for artist in extra))
    return tuple(key)


def _origin(session, call, frame, target):
    return {"call": call, "path": target and target.path, "written": target and target.written,
            "format": target and target.format, "line": line(session, frame)}


def line(session, frame):
    """The line of the user's program that we were called from, or None."""
    main = session.options.main_file
    while frame is not None:
        if frame.f_code.co_filename == main or main is None and frame.f_globals.get("__name__") == "__main__":
            return frame.f_lineno
        frame = frame.f_back
    return None


def note_failure(session, error):
    """A fault of ours: say so in `failures.json`, and let the script go on."""
    try:
        lines = traceback.format_exception(error)
        records.write_json(session.out_dir, "failures.json", {"error": _text(error), "traceback": "".join(lines)[-4000:]})
    except Exception:
        return  # nowhere to tell it; the host sees that the record is missing


def _text(error):
    return f"{type(error).__name__}: {error}"[:2000]
