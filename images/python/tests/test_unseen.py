"""What a script could notice: warnings, state, signals, randomness, exit handlers, more code after the save."""

import unittest

from support import HookCase

PLOT = "fig, ax = plt.subplots(); ax.plot([1, 3, 2])\n"


class Unseen(HookCase):
    """Each script prints what it sees; `same` compares with the plain run."""

    def test_warnings_name_the_users_line(self):
        self.same(PLOT + "plt.show()", DISPLAY=":9")
        self.same(PLOT + "fig.show()", DISPLAY=":9")
        self.same(PLOT + "ax.set_title('\\u4e2d'); plt.savefig('x.pdf')")
        self.same(PLOT + "ax.set_title('\\u4e2d'); fig.savefig('x.pdf'); plt.savefig('y.pdf'); plt.show()")

    def test_warnings_as_errors(self):
        self.same("import warnings; warnings.simplefilter('error')\n" + PLOT + "plt.rcParams['font.family'] = 'Nope'\n"
                  "ax.set_title('\\u4e2d')\ntry:\n plt.savefig('x.pdf')\nexcept UserWarning as e:\n print(e)\n")

    def test_log_of_missing_fonts(self):
        self.same("plt.rcParams['font.family'] = 'Nope'\n" + PLOT + "plt.savefig('x.pdf')")
        self.same("plt.rcParams['font.family'] = 'Nope'\n" + PLOT + "plt.savefig('x.pdf')\nx = 1\n")

    def test_prints_of_formatters(self):
        self.same(PLOT + "ax.xaxis.set_major_formatter(lambda v, p: print('f', v) or 'l')\nplt.savefig('x.pdf')")
        self.same(PLOT + "ax.xaxis.set_major_formatter(lambda v, p: print('f', v) or 'l')\nfig.savefig('x.pdf')\nplt.show()\n")

    def test_errors_of_the_draw_after_the_save(self):
        self.same("fig = plt.figure(figsize=(9000, 9000))\nfig.text(0, 0, 'x')\nplt.savefig('x.pdf')\n", modes=("tail", "forked"))

    def test_state_after_a_save(self):
        self.same(PLOT + "plt.savefig('x.pdf', bbox_inches='tight')\n"
                  "print(fig.dpi, fig.stale, ax.stale, type(fig.canvas), fig.get_size_inches(), ax.get_position().bounds)\n"
                  "print(sorted(vars(fig)), sorted(vars(fig.canvas)), plt.get_fignums(), dict(plt.rcParams) == dict(plt.matplotlib.rcParams))\n"
                  "print(fig.canvas.buffer_rgba().shape, hash(bytes(fig.canvas.buffer_rgba())) is not None)\n")

    def test_picture_left_in_the_canvas(self):
        self.same(PLOT + "import hashlib\nplt.savefig('x.pdf', dpi=30)\nprint(hashlib.md5(fig.canvas.buffer_rgba()).hexdigest())\n")

    def test_draw_callbacks(self):
        self.same(PLOT + "fig.canvas.mpl_connect('draw_event', lambda e: print('drawn'))\nplt.savefig('x.pdf')\n")

    def test_randomness(self):
        self.same("import random, numpy\nrandom.seed(1); numpy.random.seed(1)\n" + PLOT
                  + "plt.savefig('x.pdf'); print(random.random(), numpy.random.rand()); plt.savefig('y.pdf')")

    def test_signals_and_children(self):
        self.same("import signal\nsignal.signal(signal.SIGCHLD, lambda *a: print('child'))\n" + PLOT
                  + "plt.savefig('x.pdf')\nprint('end')\ntry:\n print(os.waitpid(-1, os.WNOHANG))\nexcept ChildProcessError:\n print('none')\n")
        self.same("import signal\nsignal.signal(signal.SIGALRM, lambda *a: print('alarm'))\nsignal.setitimer(signal.ITIMER_REAL, 60)\n"
                  + PLOT + "plt.savefig('x.pdf')\nprint(signal.getitimer(signal.ITIMER_REAL)[0] > 10)\n")

    def test_no_process_left_for_the_capture(self):
        code = "def no():\n raise BlockingIOError(11, 'Resource temporarily unavailable')\nos.fork = no\n" + PLOT + "plt.savefig('x.pdf')\nx = 1\nplt.close()\n"
        for outcome in self.same(code, modes=("tail",)):
            (record,) = outcome.records()
            self.assertIn("no process for the capture", record["error"])

    def test_code_after_the_save_sees_no_drawing(self):
        after = ("def save():\n plt.savefig('x.pdf')\nfor _ in [1]:\n save()\nprint(fig.stale)",
                 "import atexit\natexit.register(lambda: print(fig.stale, fig.canvas.get_renderer().width))\nplt.savefig('x.pdf', dpi=20)",
                 "class C:\n def __enter__(s): pass\n def __exit__(s, *a): print(fig.stale)\nwith C():\n fig.savefig('x.pdf', bbox_inches='tight')",
                 "list(map(lambda n: fig.savefig(n + '.pdf'), 'abc'))", "list(map(fig.savefig, ['a.pdf', 'b.pdf']))",
                 "try:\n fig.savefig('x.pdf')\nfinally:\n print(fig.stale)")
        for code in after:
            with self.subTest(code=code):
                self.same(PLOT + code, modes=("tail",))

    def test_unflushed_output_is_written_once(self):
        self.same(PLOT + "print('before', end='')\nplt.savefig('x.pdf')\nprint('after')")

    def test_warm_leaves_nothing(self):
        look = "import random, numpy, warnings\nprint(plt.get_fignums(), hash(str(sorted(map(str, plt.rcParams.items())))) and 1)\n" \
               "print(sorted((k, str(v)) for k, v in plt.rcParams.items()))\nprint(warnings.filters)\n" \
               "random.seed(3); numpy.random.seed(3)\nprint(random.random(), numpy.random.rand(), plt.figure().number)\nplt.close()\n"
        self.same(look, modes=("warm",))

    def test_names_and_signatures_stay(self):
        self.same("import inspect; plt.figure()\nfrom matplotlib.figure import Figure\nfrom matplotlib.backend_bases import FigureCanvasBase as C\n"
                  "for f in (Figure.savefig, Figure.show, Figure.draw, C.print_figure, C.draw_idle, plt.show, plt.savefig):\n"
                  " print(f.__name__, f.__module__, f.__qualname__, inspect.signature(f), len(f.__doc__ or ''))\nprint(Figure.stale.__doc__)\n")


if __name__ == "__main__":
    unittest.main()
