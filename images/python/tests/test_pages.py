"""Figures that a browser draws: what calls of plotly, bokeh, altair and folium leave, and what the script sees of it."""

import json
import os
import re
import subprocess
import sys
import unittest

from support import HERE, HookCase, Outcome

PLOTLY = "import plotly.graph_objects as go\nimport plotly.io as pio\nfig = go.Figure(go.Bar(x=['a', 'b'], y=[1, 2]), {'title': '<b>t</b>'})\n"
BOKEH = "import os\nfrom bokeh.plotting import figure, show, save, output_file\nfrom bokeh.io import export_png, export_svg\n" \
        "p = figure(width=300, height=200, title='t')\np.scatter([1, 2], [3, 4])\n"
ALTAIR = "import altair as alt\nchart = alt.Chart(alt.Data(values=[{'a': 1, 'b': 2}])).mark_bar().encode(x='a:Q', y='b:Q')\n"
FOLIUM = "import folium\nm = folium.Map([1, 2], tiles=None)\nfolium.Marker([1, 2]).add_to(m)\n"
PROMISE = re.compile(rb"glasshouse: picture (\d{4}) is drawn when the program has ended\n")


class Pages(HookCase):
    """Each script once under the hooks."""

    def run_once(self, code, hooked=True, **options):
        """What `code` leaves in a fresh interpreter, hooks armed before any import or not at all."""
        folder = self.write_script(code, head="")
        command = [os.path.join(HERE, "hooked.py"), "--once", folder, json.dumps(options)] if hooked else ["main.py"]
        with open(os.path.join(folder, ".stdout"), "w") as out, open(os.path.join(folder, ".stderr"), "w") as err:
            status = subprocess.run([sys.executable, *command], cwd=folder, stdout=out, stderr=err).returncode
        return Outcome(folder, status)

    def run_hooked(self, code):
        """The outcome of `code`, which must go well, and its records."""
        outcome = self.run_once(code)
        self.assertEqual((outcome.status, outcome.stderr), (0, ""))
        self.assertFalse(os.path.exists(os.path.join(outcome.captures, "failures.json")))
        return outcome, outcome.records()

    def page(self, outcome, record):
        """The text of a record's page."""
        with open(os.path.join(outcome.captures, record["page"]["file"]), encoding="utf-8") as handle:
            return handle.read()

    def given(self, outcome, record):
        """What the page's script was given."""
        text = self.page(outcome, record).split('id="glasshouse-given">')[1].split("</script>")[0]
        return json.loads(text)

    def promised(self, outcome, record, name):
        """Assert that the file waits for the record's page."""
        match = PROMISE.fullmatch(outcome.files()[name])
        self.assertEqual(int(match[1]), record["seq"])

    def test_plotly_show(self):
        outcome, records = self.run_hooked(PLOTLY + "print(fig.show())\nfig.show()\npio.show(fig, renderer='browser', width=90)\n")
        self.assertEqual(outcome.stdout, "None\n")
        first, second = records
        self.assertEqual((first["origin"]["call"], first["origin"]["line"]), ("show", 4))
        given = self.given(outcome, first)
        self.assertEqual((given["formats"], given["width"], given["height"], given["scale"]), (["png"], 700, 500, 1))
        self.assertEqual(json.loads(given["figure"])["layout"]["title"]["text"], "<b>t</b>")
        self.assertEqual(self.given(outcome, second)["width"], 90)
        self.assertEqual(first["facts"]["traces"], [{"chart": "bar", "name": None}])
        page = first["page"]
        self.assertEqual((page["ready"], page["picture"], page["promise"]), (True, "text", None))

    def test_plotly_pages_load_the_library_that_the_package_ships(self):
        outcome, (record,) = self.run_hooked(PLOTLY + "fig.show()\nfrom plotly.offline import get_plotlyjs_version\nprint(get_plotlyjs_version())")
        self.assertIn(f"plotly-{outcome.stdout.strip()}.min.js", self.page(outcome, record))
        self.assertNotIn("mathjax", self.page(outcome, record))

    def test_a_figure_cannot_leave_its_script_element(self):
        code = PLOTLY + "fig.update_layout(title='</script><script>1</script>$x$ $y$')\nfig.show()"
        outcome, (record,) = self.run_hooked(code)
        self.assertIn("</script><script>1", json.loads(self.given(outcome, record)["figure"])["layout"]["title"]["text"])
        self.assertEqual(self.page(outcome, record).count("<script>1"), 0)
        self.assertIn("mathjax", self.page(outcome, record))

    def test_plotly_write_image(self):
        outcome, records = self.run_hooked(
            PLOTLY + "fig.write_image('a.png', scale=2)\nfig.update_layout(width=300)\npio.write_image(fig, 'b.jpg', height=200)\n"
            "import pathlib; fig.write_image(pathlib.Path('c'), format='svg')\npio.write_images([fig, fig], ['d.webp', 'e.png'])\nfig.show()")
        sizes = [tuple(self.given(outcome, record)[name] for name in ("width", "height", "scale")) for record in records]
        self.assertEqual(sizes[:3], [(700, 500, 2), (300, 200, 1), (300, 500, 1)])
        self.assertEqual([record["page"]["promise"] for record in records], ["png", "jpeg", "svg", "webp", "png", None])
        for record, name in zip(records, ("a.png", "b.jpg", "c", "d.webp", "e.png")):
            self.promised(outcome, record, name)
        self.assertEqual(self.given(outcome, records[2])["formats"], ["png", "svg"])

    def test_what_no_page_can_give_is_plotlys_own_error(self):
        lines = ("fig.to_image()", "fig.write_image('a.eps')", "fig.write_image(io.BytesIO(), format='png')",
                 "fig.write_image('none/a.png')", "fig.write_image()", "fig.show(renderer='nonsense')")
        for line in lines:
            code = PLOTLY + f"import io\ntry:\n {line}\nexcept Exception as error:\n print(type(error).__name__, str(error).strip()[:40])\n"
            outcome, records = self.run_hooked(code)
            plain = self.run_once(code, hooked=False)
            if "none/" in line:
                self.assertTrue(outcome.stdout.startswith("FileNotFoundError"), outcome.stdout)
            else:
                self.assertEqual(outcome.stdout, plain.stdout)
                self.assertNotEqual(outcome.stdout, "")
            self.assertEqual(records, [], line)

    def test_write_html_is_the_page(self):
        code = PLOTLY + "fig.write_html('a.html', include_plotlyjs='cdn', div_id='d')\nfig.write_html('part.html', full_html=False)\n" \
                        "fig.write_html('bare.html', include_plotlyjs=False)\nfig.write_html('a.html', include_plotlyjs='cdn', div_id='d')\n"
        outcome, (record,) = self.run_hooked(code)
        self.assertEqual((record["page"]["file"], record["page"]["picture"], record["origin"]["call"]), (None, "window", "write_html"))
        self.assertEqual(os.path.basename(record["origin"]["written"]), "a.html")
        self.assertEqual(outcome.files(), self.run_once(code, hooked=False).files() | {"part.html": outcome.files()["part.html"],
                                                                                       "bare.html": outcome.files()["bare.html"]})

    def test_bokeh(self):
        outcome, records = self.run_hooked(BOKEH + "print(show(p))\nprint(os.path.basename(export_png(p, filename='a.png', scale_factor=2)))\n"
                                           "print(export_svg(p, filename='b.svg'))\noutput_file('c.html')\nsave(p)\nshow(p)\n")
        self.assertEqual(outcome.stdout, "None\na.png\n['b.svg']\n")
        self.assertEqual([record["origin"]["call"] for record in records], ["show", "export_png", "export_svg", "save", "show"])
        self.assertEqual([record["page"]["picture"] for record in records], ["element", "element", "element", "window", "element"])
        self.assertEqual([record["page"]["scale"] for record in records[:2]], [1, 2])
        self.promised(outcome, records[1], "a.png")
        self.promised(outcome, records[2], "b.svg")
        self.assertIn("main.html", outcome.files())
        self.assertEqual(records[0]["facts"]["axes"][0]["title"], "t")
        self.assertTrue(self.given(outcome, records[2])["svg"])

    def test_altair(self):
        outcome, records = self.run_hooked(ALTAIR + "print(chart.show())\nchart.save('a.png', scale_factor=3)\nchart.save('b.svg')\nchart.save('c.html')\n"
                                           "chart.mark_line().save('d.json')\n")
        self.assertEqual(outcome.stdout, "None\n")
        self.assertEqual([record["origin"]["call"] for record in records], ["show", "save", "save", "save", "save"])
        self.promised(outcome, records[1], "a.png")
        self.assertEqual(self.given(outcome, records[1])["scale"], 3)
        self.promised(outcome, records[2], "b.svg")
        self.assertEqual(records[3]["page"]["picture"], "window")
        self.assertEqual(os.path.basename(records[4]["origin"]["written"]), "d.json")
        self.assertEqual(json.loads(outcome.files()["d.json"])["mark"]["type"], "line")
        self.assertEqual(records[0]["facts"]["charts"][0]["mark"], "bar")

    def test_altairs_own_errors_stay(self):
        for line in ("chart.save('a.nonsense')", "chart.save(io.BytesIO(), format='png')", "alt.Chart().mark_bar(nonsense=1).show()"):
            code = "import io\n" + ALTAIR + f"try:\n {line}\nexcept Exception as error:\n print(type(error).__name__)\n"
            outcome, records = self.run_hooked(code)
            self.assertIn("Error", outcome.stdout)
            self.assertEqual(records, [], line)

    def test_folium(self):
        outcome, records = self.run_hooked(FOLIUM + "m.save('a.html')\nm.show_in_browser()\n")
        self.assertIn("opened in your browser", outcome.stdout)
        self.assertEqual([record["origin"]["call"] for record in records], ["save", "show_in_browser"])
        self.assertIn("leaflet", self.page(outcome, records[1]))
        self.assertIn("Marker", records[0]["facts"]["layers"])

    def test_limits(self):
        code = PLOTLY + "for n in range(9):\n fig.update_layout(title=str(n)); fig.write_image('a.png')\n"
        outcome = self.run_once(code, max_figures=4)
        self.assertEqual(len(outcome.records()), 4)
        self.assertEqual(outcome.json("overflow.json"), {"figures": 5})

    def test_other_scripts_pay_nothing(self):
        outcome, records = self.run_hooked("import sys\nprint([m for m in ('plotly', 'bokeh', 'altair', 'folium', 'inspect') if m in sys.modules])\n")
        self.assertEqual(outcome.stdout, self.run_once("import sys\nprint([m for m in ('plotly', 'bokeh', 'altair', 'folium', 'inspect') if m in sys.modules])\n",
                                                       hooked=False).stdout)
        self.assertEqual(records, [])


if __name__ == "__main__":
    unittest.main()
