"""What of Manim is wrapped, and what is noted of a render. Nothing that a program sees, draws or writes changes.

`arm` wraps once, in the zygote; notes are only taken between `begin` and the end of a job.
"""

import functools
import sys

_MOST_PLAYS = 4096
_MOST_PARTS = 16384
_LONGEST = 200

notes = None


class Notes:
    """What one job has rendered."""

    def __init__(self, tell):
        self.tell = tell     # called with the error that ends a render
        self.plays = {}      # id of a scene -> its plays so far
        self.rendered = []   # one dictionary for each scene that is done
        self.parts = 0       # animations that were noted, to keep a bound
        self.tex = None      # the log and the source of the last failed run of TeX
        self.missing = None  # why there is nothing to render, in words


def begin(tell):
    """Starts to take notes of a job; `tell` is called with the error that ends a render."""
    global notes
    notes = Notes(tell)
    return notes


def arm():
    """Wraps the few places of Manim where notes are taken."""
    from manim import error_console
    from manim.manager import Manager
    from manim.scene.scene import Scene
    from manim.utils import module_ops, tex_file_writing

    Scene.compile_animation_data = _after(Scene.compile_animation_data, _note_play)
    Manager.post_construct = _after(Manager.post_construct, _note_scene)
    tex_file_writing.print_all_tex_errors = _before(tex_file_writing.print_all_tex_errors, _note_tex)
    module_ops.get_scenes_to_render = _present(module_ops.get_scenes_to_render)
    error_console.print_exception = _telling(error_console.print_exception)


def _after(original, note):
    @functools.wraps(original)
    def wrapped(self, *args, **kwargs):
        result = original(self, *args, **kwargs)
        if notes is not None:
            _quietly(note, self)
        return result

    return wrapped


def _before(original, note):
    @functools.wraps(original)
    def wrapped(*args, **kwargs):
        if notes is not None:
            _quietly(note, *args, **kwargs)
        return original(*args, **kwargs)

    return wrapped


def _telling(original):
    """Wraps how Manim prints the error that ends a render."""

    @functools.wraps(original)
    def print_exception(*args, **kwargs):
        error = sys.exc_info()[1]
        if notes is not None and error is not None:
            notes.tell(error)
        return original(*args, **kwargs)

    return print_exception


def _quietly(note, *args, **kwargs):
    """Notes are evidence: that one cannot be taken, of objects that may be anything, is no failure of the program's."""
    try:
        note(*args, **kwargs)
    except Exception:  # noqa: BLE001 - as above
        pass


def _note_play(scene):
    plays = notes.plays.setdefault(id(scene), [])
    start = _seconds(scene.renderer.time)
    _end_last(plays, start)
    if len(plays) < _MOST_PLAYS:
        plays.append({"start": start, "end": start, "animations": [_told(one, start) for one in scene.animations or []]})


def _seconds(time):
    """Whole microseconds: Manim adds up the durations of frames, and 15 times a fifteenth is not quite 1."""
    return round(float(time), 6)


def _end_last(plays, time):
    if plays:
        plays[-1]["end"] = time


def _told(animation, start):
    """One animation and those it is made of: class, times in seconds from the film's start, targets."""
    notes.parts += 1
    run_time = float(animation.run_time)
    told = {"class": type(animation).__name__, "start": _seconds(start), "end": _seconds(start + run_time)}
    targets = [_described(animation.mobject)] if getattr(animation, "mobject", None) is not None else []
    if getattr(animation, "target_mobject", None) is not None:
        told["to"] = _described(animation.target_mobject)
    timings = getattr(animation, "anims_with_timings", None)
    if timings is not None and len(timings) and notes.parts < _MOST_PARTS:
        longest = float(getattr(animation, "max_end_time", 0) or 0)
        scale = run_time / longest if longest else 0.0
        told["parts"] = [_told(part["anim"], start + float(part["start"]) * scale) for part in timings]
        targets = [target for part in told["parts"] for target in part["targets"]]
    return {**told, "targets": targets[:64]}


def _described(mobject):
    """A mobject by its class, and by the text that it was made of, if any."""
    told = {"class": type(mobject).__name__}
    for name in ("tex_string", "original_text", "text"):
        text = getattr(mobject, name, None)
        if isinstance(text, str):
            told["text"] = text[:_LONGEST]
            break
    return told


def _note_scene(manager):
    scene = manager.scene
    plays = notes.plays.pop(id(scene), [])
    _end_last(plays, _seconds(scene.renderer.time))
    written = getattr(manager.file_writer, "final_file_path", None)
    notes.rendered.append({"scene": type(scene).__name__, "written": written and str(written), "plays": plays})


def _note_tex(log_file, tex_compiler, tex_file):
    if log_file.exists():
        notes.tex = (log_file.read_text(errors="replace"), tex_file.read_text(errors="replace"), tex_compiler)


def _present(original):
    """Wraps the choice of scenes: where none is there, or not the one that was asked for, Manim would render another one, ask on a
    terminal, or end as if all were well."""

    @functools.wraps(original)
    def get_scenes_to_render(scene_classes):
        from manim import config, logger

        if notes is not None:
            there = [one.__name__ for one in scene_classes]
            absent = [name for name in config["scene_names"] if name and name not in there]
            if absent or not there:
                notes.missing = _absence(absent, there)
                logger.error(notes.missing)
                sys.exit(1)
        return original(scene_classes)

    return get_scenes_to_render


def _absence(absent, there):
    has = "scenes of the program: " + ", ".join(there) if there else "the program has no scene at all"
    return f"there is no scene {absent[0]}; {has}" if absent else "the program has no scene: no class that comes from Scene"
