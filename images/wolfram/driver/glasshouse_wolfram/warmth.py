"""What the zygote loads and does before any job: all that the `mathics3` command and a first program pay for, and that leaves nothing to see."""

from glasshouse_wolfram import engine, notes, pictures, results

# What is used first here is loaded, compiled or cached by that: parts of SymPy, constants of mpmath, patterns, the way to a drawing.
_EXPRESSIONS = (
    "{1 + 1, a -> b, 2^100, N[Pi, 30], \"text\", 1.5 I, x_, f[#] &, <|1 -> 2|>}",
    "{Expand[(x + y)^3], Factor[x^4 - 1], Simplify[Sin[x]^2 + Cos[x]^2], Apart[1/(x^2 - 1)]}",
    "{D[Sin[x]^3, x], Integrate[x Sin[x]^2, x], Integrate[x^2, {x, 0, 1}], Limit[Sin[x]/x, x -> 0], Series[Exp[x], {x, 0, 3}]}",
    "{Solve[x^2 - 3 x + 2 == 0, x], NSolve[x^3 == 2, x], FindRoot[Cos[x] == x, {x, 1}], DSolve[y'[x] == y[x], y[x], x]}",
    "{Sum[k^2, {k, 1, n}], Table[Prime[n], {n, 10}], FactorInteger[360], PrimeQ[97], GCD[12, 18], Binomial[5, 2]}",
    "{Det[{{1, 2}, {3, 4}}], Inverse[{{1, 2}, {3, 4}}], Eigenvalues[{{2., 0.}, {0., 3.}}], MatrixForm[{{1, 2}, {3, 4}}]}",
    "{StringJoin[\"a\", \"b\"], StringReplace[\"abc\", \"b\" -> \"x\"], ToString[x^2, InputForm], StringSplit[\"a b\"], Sort[{3, 1, 2}]}",
    "{RandomReal[], RandomInteger[5, 3], Mean[{1, 2, 3}], Total[{1., 2.}], Map[f, {1, 2}], Select[Range[5], EvenQ]}",
    "Module[{v = 1}, While[v < 5, v++]; If[v > 3, Block[{w = v}, w], 0]]",
    "Plot[Sin[x], {x, 0, 6}, PlotLabel -> \"a\"]",
    "Graphics[{Red, Disk[], Blue, Line[{{0, 0}, {1, 1}}], Text[\"a\", {0, 0}], Rectangle[], Circle[], Point[{0, 1}], Polygon[{{0, 0}, {1, 0}, {0, 1}}]}]",
    "{ListPlot[{1, 2, 3}], BarChart[{1, 2}], ParametricPlot[{Sin[t], Cos[t]}, {t, 0, 6}], DensityPlot[x y, {x, 0, 1}, {y, 0, 1}]}",
)


def warm():
    """Makes the command's parts, and goes once through what programs go through."""
    engine.make_ready(notes.Noted)
    for text in _EXPRESSIONS:
        evaluation = pictures.unheard(engine.definitions)
        evaluation.parse_evaluate(text)
        results.input_form(evaluation.last_eval, engine.definitions)
        for graphic in pictures.within(evaluation.last_eval):
            results.make(pictures.kind(graphic), graphic, engine.definitions)
    engine.definitions.reset_user_definitions()
    engine.after_failed_exports(notes.note_export)
