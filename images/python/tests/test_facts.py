"""Facts of typical charts, and the guess at their kind."""

import json
import unittest

from support import HookCase

CHARTS = {
    "line": "ax.plot([1, 2, 3], [3, 1, 2])", "bar": "ax.bar(['a', 'b'], [1, 2])", "barh": "ax.barh(['a', 'b'], [1, 2])",
    "scatter": "ax.scatter([1, 2], [2, 1])", "pie": "ax.pie([1, 2, 3])", "hist": "ax.hist(range(50), bins=7)",
    "heatmap": "ax.imshow([[1, 2], [3, 4]])", "contour": "ax.contourf([[1, 2, 1], [3, 4, 3], [1, 2, 1]])",
    "box": "ax.boxplot([[1, 2, 3, 4], [2, 3, 4, 9]])", "violin": "ax.violinplot([[1, 2, 3, 4], [2, 3, 4, 9]])",
    "area": "ax.fill_between([1, 2, 3], [1, 2, 1])", "stem": "ax.stem([1, 2, 3])", "empty": "pass",
}


class Facts(HookCase):
    """One figure each."""

    def facts(self, code):
        """The facts of the one open figure of `code`."""
        (record,) = self.run_script("fig, ax = plt.subplots()\n" + code, "tail").records()
        self.assertNotIn("error", record["facts"])
        return record["facts"]

    def test_kinds(self):
        for kind, code in CHARTS.items():
            with self.subTest(kind=kind):
                self.assertEqual(self.facts(code)["axes"][0]["chart"], kind)

    def test_three_d_and_polar(self):
        self.assertEqual(self.facts("fig.clf(); fig.add_subplot(projection='3d').scatter([1], [2], [3])")["axes"][0]["chart"], "scatter3d")
        self.assertEqual(self.facts("fig.clf(); fig.add_subplot(projection='polar').plot([1, 2])")["axes"][0]["projection"], "polar")

    def test_axes_in_words(self):
        facts = self.facts("ax.plot([1, 10], [1, 2], 'r--o', label='one')\nax.set(title='T', xlabel='X', ylabel='Y', xscale='log', ylim=(0, 4))\n"
                           "ax.grid(True); ax.legend(title='L'); fig.suptitle('S'); ax.text(2, 2, 'note')\nax.set_yticks([0, 2], ['lo', 'hi'])")
        (axes,) = facts["axes"]
        self.assertEqual((facts["suptitle"], facts["inches"], facts["dpi"], facts["pixels"]), ("S", [6.4, 4.8], 100, [640, 480]))
        self.assertEqual((axes["title"], axes["x"]["label"], axes["x"]["scale"], axes["y"]["limits"]), ("T", "X", "log", [0, 4]))
        self.assertEqual((axes["y"]["tick_labels"], axes["x"]["grid"], axes["legend"]["labels"]), (["lo", "hi"], True, ["one"]))
        (line,) = axes["elements"]
        self.assertEqual((line["color"], line["linestyle"], line["marker"], line["points"]), ("#ff0000", "--", "o", [[1, 1], [10, 2]]))
        self.assertEqual(axes["texts"][0]["text"], "note")

    def test_colour_bars_are_told_apart(self):
        facts = self.facts("fig.colorbar(ax.imshow([[1, 2]]))")
        self.assertEqual([axes["chart"] for axes in facts["axes"]], ["heatmap", "colorbar"])

    def test_everything_is_bounded_and_finite(self):
        facts = self.facts("import numpy as np\nax.plot(np.full(100000, np.nan)); ax.set_title('x' * 100000)\n"
                           "for i in range(300): ax.plot([i], [np.inf]); ax.text(0, 0, 'y' * 999)")
        self.assertLess(len(json.dumps(facts)), 200_000)
        self.assertEqual(facts["axes"][0]["counts"]["lines"], 301)

    def test_dates_and_categories(self):
        facts = self.facts("import datetime\nax.plot([datetime.date(2024, 1, d) for d in (1, 2, 3)], [1, 2, 3])")
        self.assertTrue(facts["axes"][0]["x"]["tick_labels"])


if __name__ == "__main__":
    unittest.main()
