"""A job of the manim runtime: what `manim render main.py SCENE` does, in a process that has Manim loaded."""

import os
import shutil
import sys

from glasshouse_capture import capture, records, state
from glasshouse_driver import program

from glasshouse_manim import frames, hooks, static, texts

COMMAND = "/usr/local/bin/manim"
WORK = "/work"
_FILMS = (".mp4", ".mov", ".webm", ".gif")
_LETTERS = {"low": "l", "medium": "m", "high": "h", "production": "p", "fourk": "k"}


class Scenes(program.Program):
    """One program, and which of its scenes are rendered how."""

    FOLDER = os.path.dirname(COMMAND)

    def __init__(self, path, header, blobs, out):
        super().__init__(path, header, blobs, out)
        self.found = dict(static.scenes(self.code))
        self.notes = hooks.begin(self.tell)

    def command(self):
        """The `manim` command that does the same."""
        manim = self.options.get("manim") or {}
        words = [COMMAND, "render"]
        if manim.get("quality"):
            words += ["--quality", _LETTERS[manim["quality"]]]
        if manim.get("fps"):
            words += ["--fps", format(manim["fps"], "g")]
        if manim.get("format"):
            words += ["--format", manim["format"]]
        scene = self.options.get("scene")
        names = [scene] if scene else list(self.found)
        return [*words, *self.arguments, *([] if names else ["--write_all"]), self.path.rpartition("/")[2], *names]

    def start(self, main, refused):
        if refused is not None:
            raise refused
        if os.path.exists("manim.cfg"):
            take_settings()
        from manim.__main__ import main as command

        main.__dict__.update(sys=sys, main=command)
        sys.exit(command())

    def test(self, main):
        # The program is a module, as it is for the command, which names it after its whole path.
        of_program = (one for one in list(sys.modules.values()) if getattr(one, "__file__", None) == self.path)
        super().test(next(of_program, main))

    def tell(self, error):
        """Leaves the error that ends a render as evidence."""
        program.strip_own_frames(error)
        try:
            program.write(self.out, "error.json", texts.describe(error, self.path, self.notes.tex))
        except Exception:  # noqa: BLE001 - a hostile __str__ must not hide the traceback
            pass

    def conclude(self):
        """Leaves what was rendered as evidence, and takes Manim's own leavings away."""
        session = state.session
        try:
            if self.notes.missing is not None:
                told = {"type": "SceneNotFound", "message": self.notes.missing, "line": None, "traceback": "", "chain": []}
                program.write(self.out, "error.json", told)
            for scene in self.notes.rendered:
                try:
                    self.leave(session, scene)
                except frames.Beyond as beyond:
                    program.write(self.out, "missing.json", {"message": str(beyond)})
        except Exception as error:  # noqa: BLE001 - a film that cannot be read is judged by who checks it
            capture.note_failure(session, error)
        sweep()

    def leave(self, session, scene):
        """The facts of one scene, and pictures out of its film."""
        name, written = scene["scene"], scene["written"]
        asked = self.options.get("frames")
        facts = {"scene": name, "animations": [part for play in scene["plays"] for part in play["animations"]]}
        if written is None or not os.path.isfile(written):
            return
        film = frames.Film(written) if written.endswith(_FILMS) else None
        facts["plays"] = [{"start": play["start"], "end": play["end"]} for play in scene["plays"]]
        if film is not None:
            facts["frames"], facts["length"] = len(film.stamps), float(film.length)
            facts["blank"] = film.is_blank()
        self.record(session, "render", written, facts, scene)
        if film is None:
            no_film(asked, name)
        elif film.stamps:
            self.pictures(session, film, asked, scene)

    def pictures(self, session, film, asked, scene):
        """The last frame, and a picture for each frame or time that was asked for, numbered in that order."""
        beyond, wanted = None, []
        try:
            wanted = film.wanted(asked)
        except frames.Beyond as error:
            beyond = error
        last = len(film.stamps) - 1
        seen = {place: frames.picture(frame) for place, frame in film.pictures({last, *(place for place, _ in wanted)})}
        for number, (place, time) in enumerate([*wanted, (last, None)], 1):
            if place not in seen:
                continue
            png, digest = seen[place]
            told = {"scene": scene["scene"], "frame": place, "at": float(film.seconds(film.stamps[place])), "sha256": digest}
            if time is not None:
                told["wanted"] = time
            which = ("last", "last_frame") if number > len(wanted) else (f"{number:03}", "frame")
            self.frame(session, film.path, f"{scene['scene']}-{which[0]}", which[1], png, told, scene)
        if beyond is not None:
            raise beyond

    def frame(self, session, path, name, call, png, facts, scene):
        number = session.take_number()
        if number is None:
            return
        file = f"{number:04d}.png"
        records.write_bytes(session.out_dir, file, png)
        buffer = {"file": file, "format": "png", "frame": name}
        self.write(session, number, call, path, facts, scene, buffer=buffer)

    def record(self, session, call, written, facts, scene):
        number = session.take_number()
        if number is not None:
            self.write(session, number, call, written, facts, scene, written=written)

    def write(self, session, number, call, path, facts, scene, written=None, **fields):
        origin = {"call": call, "path": os.path.relpath(path, WORK), "written": written, "format": path.rpartition(".")[2],
                  "line": self.found.get(scene["scene"])}
        records.write_json(session.out_dir, f"{number:04d}.json", records.record(number, origin, facts=facts, **fields))


def no_film(asked, name):
    """A scene that plays nothing is a picture: it has no other time than its beginning."""
    times = (asked or {}).get("at") or []
    late = [time for time in times if time > 0]
    if late:
        raise frames.Beyond(f"frames.at: {late[0]} s is past the end of scene {name}, which plays nothing and is one picture")


def take_settings():
    """Reads the row's own `manim.cfg`, as Manim does when it is loaded from the folder that has one."""
    import manim._config as settings

    settings.parser = settings.make_config_parser()
    settings.config.digest_parser(settings.parser)


def sweep():
    """Removes what Manim keeps for its next run: pictures of texts, films of single animations."""
    from manim import config

    try:
        media = os.path.join(WORK, os.fspath(config.get_dir("media_dir")))
        kept = [os.path.join(WORK, os.fspath(config.get_dir(name))) for name in ("tex_dir", "text_dir")]
    except Exception:  # noqa: BLE001 - settings are the program's to break
        return
    for folder, folders, _files in os.walk(os.path.join(media, "videos")):
        kept += [os.path.join(folder, name) for name in folders if name == "partial_movie_files"]
    for folder in kept:
        if os.path.realpath(folder).startswith(WORK + "/"):
            shutil.rmtree(folder, ignore_errors=True)
