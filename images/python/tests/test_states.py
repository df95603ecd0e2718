"""Each state of a figure once: shows, open figures, changes, animations, limits."""

import unittest

from support import HookCase

PLOT = "fig, ax = plt.subplots(); ax.plot([1, 3, 2])\n"


class States(HookCase):
    """What is captured, and what is not captured again."""

    def calls(self, code, modes=("tail", "forked"), **environment):
        """The (call, has pixels) pairs of each record; alike in all modes."""
        answers = [[(r["origin"]["call"], r["pixels"] is not None) for r in outcome.records()]
                   for outcome in self.same(code, modes, **environment)]
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0])
        return answers[0]

    def test_open_figures_are_captured_once(self):
        self.assertEqual(self.calls(PLOT + "plt.figure().text(0.5, 0.5, 'x')"), [("open", True)] * 2)
        self.assertEqual(self.calls(PLOT + "plt.show()"), [("show", True)])
        self.assertEqual(self.calls(PLOT + "fig.show()"), [("show", True)])
        self.assertEqual(self.calls(PLOT + "plt.savefig('x.pdf'); plt.show()"), [("savefig", True)])

    def test_open_figure_equals_a_plain_save(self):
        self.pixels_are(self.same(PLOT), PLOT + "plt.savefig('want.png')")

    def test_closed_figures_are_not_open(self):
        self.assertEqual(self.calls(PLOT + "plt.close()"), [])

    def test_figures_of_the_object_api(self):
        code = "from matplotlib.figure import Figure\nfig = Figure(); fig.subplots().plot([1, 2])\n"
        self.assertEqual(self.calls(code), [("open", True)])
        self.pixels_are(self.same(code), code + "fig.savefig('want.png')")
        self.assertEqual(self.calls(code + "fig.savefig('x.pdf')"), [("savefig", True)])

    def test_same_state_in_two_formats_is_drawn_once(self):
        code = PLOT + "plt.rcParams['svg.hashsalt'] = 'a'\nplt.savefig('x.pdf'); plt.savefig('x.eps'); plt.savefig('y.pdf', dpi=30)\n"
        self.assertEqual(self.calls(code), [("savefig", True), ("savefig", False), ("savefig", True)])
        self.assertEqual(self.same(code, ("tail",))[0].records()[1]["same_as"], 1)
        self.assertEqual(self.calls(PLOT + "plt.savefig('x.png'); plt.savefig('x.pdf')"), [("savefig", False)] * 2)

    def test_changes_are_seen(self):
        for change in ("ax.set_title('b')", "ax.lines[0].set_color('r')", "fig.suptitle('x')", "ax.texts or ax.text(0, 0, 'x')",
                       "ax.set_xlim(0, 9)", "ax.lines[0].remove()", "fig.set_size_inches(3, 3)", "ax.grid(True)"):
            with self.subTest(change=change):
                self.assertEqual(self.calls(PLOT + f"plt.savefig('x.pdf'); {change}; plt.savefig('y.pdf')"), [("savefig", True)] * 2)

    def test_looking_is_no_change(self):
        self.assertEqual(self.calls(PLOT + "plt.savefig('x.pdf'); fig.canvas.draw(); print(ax.get_xlim()); plt.show()"),
                         [("savefig", True)])

    def test_cleared_figure_is_not_captured_after_its_save(self):
        self.assertEqual(self.calls(PLOT + "plt.savefig('x.pdf'); plt.clf()"), [("savefig", True)])

    def test_animation_is_one_record(self):
        code = PLOT + "from matplotlib.animation import FuncAnimation\n" \
                      "a = FuncAnimation(fig, lambda i: ax.lines[0].set_ydata([i, 1, 2]), frames=4)\na.save('x.gif', writer='pillow')\n"
        outcome = self.same(code, ("forked",))[0]
        self.assertEqual([(r["origin"]["call"], r["frames"]) for r in outcome.records()], [("animation", 4)])

    def test_figures_are_captured_after_an_exception(self):
        outcome = self.run_script(PLOT + "raise SystemExit(3)", "tail")
        self.assertEqual((outcome.status, len(outcome.records())), (3, 1))
        self.assertEqual(len(self.run_script(PLOT + "1 / 0", "tail").records()), 1)

    def test_too_many_figures_are_counted(self):
        outcome = self.run_script("for i in range(260):\n plt.figure(num=1, figsize=(1, 1)).text(0, 0, i); plt.savefig('x.png')\nplt.close()", "tail")
        self.assertEqual(len(outcome.records()), 256)
        self.assertEqual(outcome.json("overflow.json"), {"figures": 4})

    def test_huge_picture_is_refused_and_said(self):
        code = "fig = plt.figure(figsize=(90, 90)); fig.text(0, 0, 'x'); fig.savefig('x.pdf')\nplt.close()"
        for outcome in self.same(code, ("forked", "tail")):
            (record,) = outcome.records()
            self.assertIn("pixels are more than", record["error"])
            self.assertIsNone(record["pixels"])


if __name__ == "__main__":
    unittest.main()
