"""What is left out of a draw must not be missed: each figure as PDF, SVG and PNG, byte for byte, quickened and plain."""

import unittest

from support import HookCase

SAVE = """
plt.rcParams['svg.hashsalt'] = 'a'
for figure in map(plt.figure, plt.get_fignums()):
    for kind in ('pdf', 'svg', 'png'):
        figure.savefig(f'{figure.number}.{kind}', bbox_inches='tight', dpi=70)
        figure.savefig(f'{figure.number}-loose.{kind}')
"""
AXES = "import numpy as np\nfig, ax = plt.subplots()\nx = np.linspace(0.1, 9, 40)\nax.plot(x, np.sin(x), 'o-', label='a')\n"

FIGURES = {
    "plain": AXES,
    "log": AXES + "ax.set_xscale('log'); ax.set_yscale('symlog')",
    "legend": AXES + "ax.legend(title='t', loc='best', shadow=True)",
    "shared": "fig, axs = plt.subplots(2, 2, sharex=True, sharey='row', gridspec_kw={'width_ratios': [1, 3]})\n"
              "for i, a in enumerate(axs.flat): a.plot([i, 1e6 * i, 3])\nfig.tight_layout()",
    "twin": AXES + "t = ax.twinx(); t.plot(x, 1e5 * x, 'r'); t.set_ylabel('right'); fig.tight_layout()",
    "aspect": AXES + "ax.set_aspect('equal'); ax.set_title('title')",
    "minor": AXES + "ax.minorticks_on(); ax.grid(True, which='both'); ax.tick_params(which='minor', length=9, direction='in')",
    "rotated": AXES + "ax.set_xticks([1, 5, 9], ['alpha', 'beta\\nbeta', '$x^2$'], rotation=40, ha='right'); fig.tight_layout()",
    "categories": "fig, ax = plt.subplots()\nax.bar(['a', 'b', 'c'], [1, -2, 3], hatch='/', ec='k'); ax.barh(['u'], [2]); fig.tight_layout()",
    "dates": "import datetime\nfig, ax = plt.subplots()\nd = datetime.date(2024, 1, 1)\n"
             "ax.plot([d, d + datetime.timedelta(90)], [1, 2]); fig.autofmt_xdate()",
    "moved spines": AXES + "ax.spines['left'].set_position(('data', 4)); ax.spines['bottom'].set_position('zero')\n"
                           "ax.spines['top'].set_visible(False)",
    "top ticks": AXES + "ax.xaxis.tick_top(); ax.xaxis.set_label_position('top'); ax.set_xlabel('x'); ax.set_title('t')",
    "offset": AXES + "ax.plot(x, 1e9 + x); ax.ticklabel_format(useMathText=True)",
    "inverted": AXES + "ax.invert_yaxis(); ax.set_xlim(9, 0)",
    "image": "fig, ax = plt.subplots()\nim = ax.imshow([[0, 1], [2, 3]], cmap='viridis'); fig.colorbar(im, label='c'); fig.tight_layout()",
    "contours": "import numpy as np\nfig, ax = plt.subplots()\nz = np.outer(np.arange(9), np.arange(9))\n"
                "c = ax.contourf(z); ax.clabel(ax.contour(z, colors='k')); fig.colorbar(c, ticks=[0, 30])",
    "mesh": "fig, ax = plt.subplots()\nax.pcolormesh([[1, 2], [3, 4]], rasterized=True); ax.scatter([1], [1], s=90, marker='*')",
    "inset": AXES + "i = ax.inset_axes([0.5, 0.5, 0.4, 0.4]); i.plot([1, 2]); ax.indicate_inset_zoom(i)",
    "secondary": AXES + "ax.secondary_xaxis('top', functions=(lambda v: 2 * v, lambda v: v / 2))",
    "polar": "fig = plt.figure(); a = fig.add_subplot(projection='polar')\na.fill([0, 1, 2, 4], [1, 2, 3, 1], alpha=0.3)\n"
             "a.set_thetagrids([0, 90, 180], ['a', 'b', 'c']); a.set_rlabel_position(30); fig.tight_layout()",
    "wedge": "fig = plt.figure(); a = fig.add_subplot(projection='polar')\na.set_thetamin(20); a.set_thetamax(130); a.set_rorigin(-1); a.plot([0.5, 2], [1, 2])",
    "surface": "import numpy as np\nfig = plt.figure(); a = fig.add_subplot(projection='3d')\nx, y = np.meshgrid(range(6), range(6))\n"
               "a.plot_surface(x, y, x * y, cmap='viridis'); a.scatter([1], [2], [3]); a.set_zlabel('z'); a.view_init(20, 50)",
    "bars in space": "fig = plt.figure(); a = fig.add_subplot(projection='3d')\na.bar3d([0, 1], [0, 1], 0, 1, 1, [2, 3]); a.text(0, 0, 0, 't')\n"
                     "a.xaxis.set_major_formatter(lambda v, p: f'<{v}>')",
    "pie": "fig, ax = plt.subplots()\nax.pie([1, 2, 3], labels=list('abc'), shadow=True, explode=[0, 0.1, 0], autopct='%d%%')",
    "box": "fig, ax = plt.subplots()\nax.boxplot([[1, 2, 9], [3, 4, 5]], patch_artist=True); ax.violinplot([[1, 2, 3]], positions=[4])",
    "errorbars": "fig, ax = plt.subplots()\nax.errorbar([1, 2], [1, 2], xerr=0.1, yerr=0.3, capsize=4, marker='s', mfc='w'); ax.axvline(1)",
    "arrows": AXES + "ax.annotate('n\\nm', (3, 0), (5, 0.5), arrowprops={'arrowstyle': '->', 'connectionstyle': 'arc3,rad=.2'}, bbox={'boxstyle': 'round'})",
    "quiver": "fig, ax = plt.subplots()\nq = ax.quiver([0, 1], [0, 1], [1, 1], [1, -1]); ax.quiverkey(q, 0.5, 0.9, 1, 'k')",
    "table": "fig, ax = plt.subplots()\nax.table([['1', '2']], loc='center'); ax.axis('off')",
    "effects": AXES + "import matplotlib.patheffects as pe\nax.set_title('t', path_effects=[pe.withStroke(linewidth=3, foreground='r')])",
    "sketch": "plt.rcParams['path.sketch'] = (1, 100, 2)\n" + AXES,
    "constrained": "fig, axs = plt.subplots(2, 2, layout='constrained')\naxs[0, 0].set_ylabel('long\\nlabel'); axs[1, 1].set_title('t'); fig.suptitle('s')",
    "subfigures": "fig = plt.figure(); l, r = fig.subfigures(1, 2)\nl.subplots().plot([1, 2]); r.subplots().plot([2, 1])",
    "wrapped": AXES + "ax.set_title('many words ' * 12, wrap=True)",
    "no data": "fig, ax = plt.subplots()",
    "not finite": "import numpy as np\nfig, ax = plt.subplots()\nax.plot([1, np.nan, 3]); ax.text(np.nan, 1, 'gone'); ax.text(np.inf, 1, 'far')",
    "many ticks": "fig, ax = plt.subplots()\nax.plot([0, 700]); ax.xaxis.set_major_locator(plt.MultipleLocator(0.005)); ax.set_xlim(0, 3)",
    "units": AXES + "ax.xaxis.set_major_formatter('{x:.1f} s'); ax.yaxis.set_major_locator(plt.MaxNLocator(3)); ax.yaxis.set_major_formatter(plt.NullFormatter())",
    "colorbar of a log": "from matplotlib.colors import LogNorm\nfig, ax = plt.subplots()\nfig.colorbar(ax.pcolormesh([[1, 10], [100, 1000]], norm=LogNorm()), orientation='horizontal')",
}

CHANGES = {
    "limits": "ax.set_xlim(2, 3)",
    "tick looks": "ax.tick_params(labelsize=20, rotation=30, colors='r')",
    "one label": "ax.get_xticklabels()[1].set_color('g'); ax.xaxis.get_major_ticks()[2].label1.set_fontsize(30)",
    "locator": "ax.xaxis.set_major_locator(plt.MultipleLocator(3))",
    "ticks in place": "ax.set_xticks([1, 2]); fig.canvas.draw(); ax.xaxis.get_major_locator().locs[:] = [3, 4]",
    "settings": "plt.rcParams['font.size'] = 30; ax.set_title('new')",
    "hinting": "plt.rcParams['text.hinting'] = 'none'; plt.rcParams['text.hinting_factor'] = 1",
    "font in place": "ax.title.get_fontproperties().set_size(40); ax.set_title('t')",
    "dpi": "fig.set_dpi(30); fig.canvas.draw(); fig.set_dpi(200)",
    "size": "fig.set_size_inches(3, 9)",
    "marker": "ax.lines[0].set_marker('$m$'); ax.lines[0].set_markersize(20); ax.lines[0].set_fillstyle('left')",
    "moved": "ax.set_position([0.3, 0.3, 0.2, 0.2])",
    "cleared": "ax.clear(); ax.bar([1, 2], [3, 4])",
    "draws between": "fig.canvas.draw(); print(ax.get_tightbbox().bounds, [t.get_text() for t in ax.get_xticklabels()]); fig.tight_layout()",
}

STRANGERS = {
    "formatter that counts": "calls = []\nax.xaxis.set_major_formatter(lambda v, p: calls.append(v) or str(len(calls)))",
    "formatter class": "class F(plt.ScalarFormatter):\n def __call__(self, v, p=None):\n  print(v); return 'f'\nax.yaxis.set_major_formatter(F())",
    "locator class": "class L(plt.MaxNLocator):\n def __call__(self):\n  print('l'); return [1, 2, 3]\nax.xaxis.set_major_locator(L())",
    "artist": "from matplotlib.lines import Line2D\nclass A(Line2D):\n def draw(self, r):\n  print('draw'); ax.set_xlim(0, 2); super().draw(r)\nax.add_line(A([1, 2], [0, 1]))",
    "patched instance": "d = ax.title.draw\nax.title.draw = lambda r: (print('t'), d(r))[1]",
    "patched class": "from matplotlib.text import Text\nd = Text.draw\nText.draw = lambda s, r: (print(s.get_text()), d(s, r))[1]",
    "patched formatter": "c = plt.ScalarFormatter.__call__\nplt.ScalarFormatter.__call__ = lambda s, v, p=None: (print(v), c(s, v, p))[1]",
    "patched ticks": "from matplotlib.axis import Axis\nu = Axis._update_ticks\nAxis._update_ticks = lambda s: (print('u'), u(s))[1]",
    "patched line": "from matplotlib.lines import Line2D\nd = Line2D.draw\nLine2D.draw = lambda s, r: (print('d'), d(s, r))[1]",
    "draw event": "fig.canvas.mpl_connect('draw_event', lambda e: (print('drawn'), ax.set_title(ax.get_title() + 'x')))",
    "limits event": "ax.callbacks.connect('xlim_changed', lambda a: print('x', a.get_xlim()))\nax.set_xlim(0, 3)",
    "stale callback": "ax.lines[0].stale_callback = lambda a, v: print('stale')",
    "filter": "ax.lines[0].set_agg_filter(lambda i, dpi: (print('f'), (i, 0, 0))[1])",
    "effect": "import matplotlib.patheffects as pe\nclass E(pe.AbstractPathEffect):\n def draw_path(self, r, gc, t, a, f=None):\n  print('e'); r.draw_path(gc, t, a, f)\nax.lines[0].set_path_effects([E()])",
    "norm": "from matplotlib.colors import Normalize\nclass N(Normalize):\n def __call__(self, v, clip=None):\n  print('n'); return super().__call__(v, clip)\nax.scatter([1, 2], [1, 2], c=[1, 2], norm=N())",
    "file": "import io\nclass W(io.BytesIO):\n def write(self, b):\n  ax.set_title('late'); return super().write(b)\nfig.savefig(W(), format='pdf')",
    "thread": "import threading, time\nstop = threading.Event()\nthreading.Thread(target=stop.wait, args=(5,), daemon=True).start()",
    "warnings always": "import warnings; warnings.simplefilter('always'); ax.set_title('\\u4e2d'); ax.set_xlabel('\\u4e2d')",
    "warnings as errors": "import warnings; warnings.simplefilter('error')\nax.set_xlabel('\\u4e2d')\ntry:\n fig.savefig('e.pdf', bbox_inches='tight')\nexcept UserWarning as e:\n print(e)\nwarnings.simplefilter('ignore')",
    "missing font": "ax.set_title('t', family='Nope'); ax.set_xlabel('x', family=['Nope', 'DejaVu Sans'])",
    "broken data": "ax.lines[0].set_xdata(['a'] * 40)\ntry:\n fig.savefig('b.pdf', bbox_inches='tight')\nexcept Exception as e:\n print(type(e), e)\nax.lines[0].set_xdata(x)",
    "broken shape": "ax.lines[0].set_xdata([1])\ntry:\n fig.savefig('b.pdf', bbox_inches='tight')\nexcept Exception as e:\n print(type(e), e)\nimport os; print(os.path.exists('b.pdf'))\nax.lines[0].set_xdata(x)",
    "broken formula": "ax.set_title('$x^$')\ntry:\n fig.savefig('b.pdf', bbox_inches='tight')\nexcept Exception as e:\n print(e)\nax.set_title('')",
    "looks at ticks": "fig.canvas.draw()\nfor t in ax.xaxis.get_major_ticks(): print(t.tick1line.get_xdata(), t.label1.get_position(), t.gridline.get_marker(), t.tick1line.stale)",
    "ticks apart": "a, b, c, d = ax.xaxis.get_major_ticks(12)[8:]\na.label1.set_color('r'); b.tick1line.set_marker('x'); c.gridline.set_xdata([9, 9]); d.label1.get_fontproperties().set_size(3)\n"
                   "print([(t.label1.get_color(), t.tick1line.get_marker(), t.gridline.get_path(), t.label1.get_size()) for t in (a, b, c, d)])",
    "settings that are special": "import matplotlib\nprint(matplotlib.rcParams['backend'], matplotlib.rcParams.get('lines.color'))\ntry:\n matplotlib.rcParams['nope']\nexcept KeyError as e:\n print(e)",
}


class Quicken(HookCase):
    """`same` compares output and files with the plain run."""

    def each(self, scripts):
        for name, code in scripts.items():
            with self.subTest(name):
                outcome = self.same(code + "\n" + SAVE, modes=("warm",))[0]
                self.assertEqual(outcome.status, 0, outcome.stderr)

    def test_figures_of_all_kinds(self):
        self.each(FIGURES)

    def test_changes_between_saves(self):
        self.each({name: AXES + "ax.legend()\n" + SAVE + change for name, change in CHANGES.items()})

    def test_code_that_runs_while_drawing(self):
        self.each({name: AXES + code for name, code in STRANGERS.items()})


if __name__ == "__main__":
    unittest.main()
