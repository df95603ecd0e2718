"""Saves of every spelling: the script sees nothing, and the pixels are those of a plain PNG."""

import os
import unittest

from support import HookCase

PLOT = "fig, ax = plt.subplots(); ax.plot([1, 3, 2], label='a'); ax.set_title('t'); ax.legend(); plt.tight_layout()\n"


class Saves(HookCase):
    """One save each."""

    def check(self, save, want):
        """The capture of `save` equals what `want` writes to want.png."""
        outcomes = self.same(PLOT + save)
        for outcome in outcomes:
            self.assertEqual(len(outcome.records()), 1)
            self.assertIsNone(outcome.records()[0]["error"])
        self.pixels_are(outcomes, PLOT + want)

    def test_vector_and_lossy_formats(self):
        for name in ("x.pdf", "x.eps", "x.jpg", "x.svg"):
            with self.subTest(name=name):
                self.check(f"plt.rcParams['svg.hashsalt'] = 'a'; plt.savefig('{name}')", "plt.savefig('want.png')")

    def test_arguments_hold_for_the_capture(self):
        for arguments in ("bbox_inches='tight'", "dpi=57, pad_inches=0.4, bbox_inches='tight'", "transparent=True",
                          "facecolor='red', bbox_inches='tight', transparent=True"):
            with self.subTest(arguments=arguments):
                self.check(f"fig.savefig('x.pdf', {arguments})", f"fig.savefig('want.png', {arguments})")

    def test_arguments_that_only_hold_for_the_format_are_left_out(self):
        self.check("fig.savefig('x.pdf', metadata={'CreationDate': None}, backend='pdf')", "fig.savefig('want.png')")

    def test_canvas_methods(self):
        self.check("fig.canvas.print_figure('x.pdf', dpi=50)", "fig.canvas.print_figure('want.png', dpi=50)")
        self.check("from matplotlib.backends.backend_pdf import FigureCanvasPdf\nFigureCanvasPdf(fig).print_pdf('x.pdf')",
                   "from matplotlib.backends.backend_agg import FigureCanvasAgg\nFigureCanvasAgg(fig).print_png('want.png')")

    def test_buffer_keeps_its_bytes(self):
        for outcome in self.same(PLOT + "b = io.BytesIO(b'abc'); b.seek(3); fig.savefig(b, format='pdf'); print(len(b.getvalue()))"):
            record = outcome.records()[0]
            self.assertEqual(record["buffer"], {"file": "0001.bin", "format": "pdf"})
            with open(os.path.join(outcome.captures, "0001.bin"), "rb") as handle:
                self.assertEqual(handle.read()[:5], b"%PDF-")
            self.assertIsNotNone(record["pixels"])

    def test_png_is_not_drawn_again(self):
        for save in ("plt.savefig('x.png')", "import pathlib; fig.savefig(pathlib.Path('x.png'))", "plt.savefig('x')",
                     "from matplotlib.backends.backend_agg import FigureCanvasAgg; FigureCanvasAgg(fig).print_png('x.png')"):
            for outcome in self.same(PLOT + save, modes=("tail", "forked")):
                (record,) = outcome.records()
                self.assertIsNone(record["pixels"])
                self.assertEqual(os.path.basename(record["origin"]["written"]), "x.png")
                self.assertEqual(record["facts"]["axes"][0]["title"], "t")

    def test_origin_names_path_format_and_line(self):
        for outcome in self.same(PLOT + "\n\nplt.savefig('x.pdf')\n", modes=("tail",)):
            origin = outcome.records()[0]["origin"]
            self.assertEqual((origin["call"], origin["path"], origin["format"], origin["line"]), ("savefig", "x.pdf", "pdf", 6))

    def test_subclassed_figure_and_canvas(self):
        self.check("from matplotlib.figure import Figure\nclass Mine(Figure):\n def savefig(self, *a, **k):\n"
                   "  self.text(0, 0, 'mine'); super().savefig(*a, **k)\nplt.close(); fig = plt.figure(FigureClass=Mine)\nfig.savefig('x.pdf')",
                   "plt.figure().text(0, 0, 'mine'); plt.savefig('want.png')")

    def test_pandas_and_seaborn(self):
        for code in ("import pandas as pd\nfig = pd.DataFrame({'a': [1, 2], 'b': [3, 1]}).plot().get_figure()\n",
                     "import seaborn as sns\nfig = sns.catplot(x=['u', 'v'], y=[1, 2], kind='bar')\n"):
            outcomes = self.same(code + "fig.savefig('x.pdf')", modes=("tail", "forked"))
            self.pixels_are(outcomes, code + "fig.savefig('want.png')")

    def test_multi_page_pdf(self):
        code = PLOT + "from matplotlib.backends.backend_pdf import PdfPages\nwith PdfPages('x.pdf') as pages:\n" \
                      " pages.savefig(fig)\n ax.set_title('u')\n pages.savefig(fig)\n"
        for outcome in self.same(code):
            self.assertEqual([record["pixels"] is not None for record in outcome.records()], [True, True])

    def test_errors_are_those_of_matplotlib(self):
        for save in ("plt.savefig('x.bad')", "fig.savefig('no/such/folder/x.pdf')", "fig.savefig('x.pdf', nonsense=1)", "fig.savefig()"):
            outcomes = self.same(PLOT + f"try:\n {save}\nexcept Exception as e:\n print(type(e), e)\nplt.close('all')\n", modes=("tail",))
            self.assertEqual(outcomes[0].records(), [])
        self.same(PLOT + "print(fig.savefig('x.pdf'), plt.savefig('y.pdf'))", modes=("tail",))


if __name__ == "__main__":
    unittest.main()
