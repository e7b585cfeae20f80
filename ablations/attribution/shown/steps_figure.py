"""What each step is worth: a row a step, the value over all orders beside those of single ones."""

from typing import TYPE_CHECKING

from ablations.attribution.estimation.estimates import Estimate, StepWorth
from ablations.attribution.shown.cells import by_value
from ablations.attribution.study.attribute import Attribution
from ablations.compare.text import setting
from ablations.compare.words import signed
from ablations.figures.panels import HEAD_AND_FOOT, set_title
from ablations.figures.style import COST, FAINT, GROUPS, INK, MEASURED, SMALL, Style, bare, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.42  # inches
# Offset from the row's middle, marker, colour and name of the differences of two networks
_SINGLE = (
    (-0.17, "o", COST, "in the trajectory's own order"),
    (0.0, "<", GROUPS[1], "left out of all"),
    (0.17, ">", GROUPS[2], "added to the start"),
)
_VALUE_AT, _STRIP_AT = -0.34, 0.34


def steps_figure(found: Attribution) -> "Figure":
    """Draw an attribution; what is not known of a step has no mark."""
    from matplotlib.figure import Figure

    rows = by_value(found)
    size = (8.6, HEAD_AND_FOOT + 0.3 + _ROW * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    bare(axes)
    set_title(axes, f"what each step is worth in points of top-1\n{setting(found.study)}")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [short(row.title) for row in rows])
    axes.axvline(0, color=FAINT, linewidth=0.7, zorder=0)
    for number, row in enumerate(rows):
        _draw_row(axes, number, row, found)
    _numbers(axes, rows, found)
    axes.set_xlabel("points of top-1 on the test split", fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    _legend(figure, rows, found)
    return figure


def _draw_row(axes: "Axes", number: int, row: StepWorth, found: Attribution) -> None:
    if number % 2:
        axes.axhspan(number - 0.5, number + 0.5, color="#f6f8fa", linewidth=0, zorder=-1)
    strip: Style = {"marker": "|", "markersize": 6, "linestyle": "none", "alpha": 0.55}
    axes.plot(row.by_order, [number + _STRIP_AT] * len(row.by_order), color=FAINT, **strip)
    singles = (row.cumulative, row.leave_one_out, row.add_one_in)
    for (offset, marker, colour, _), one in zip(_SINGLE, singles, strict=True):
        if one is not None:
            pale = 0.35 if one.modelled else 1.0
            _whisker(axes, one, number + offset, colour, width=0.6, alpha=pale)
            style: Style = {"marker": marker, "markersize": 4.5, "markerfacecolor": "white"}
            style |= {"alpha": pale, "linestyle": "none"}
            axes.plot(one.value, number + offset, color=colour, **style)
    if found.method is not None:
        value = row.values[found.method]
        _whisker(axes, value, number + _VALUE_AT, MEASURED, width=1.6)
        style = {"marker": "D", "markersize": 5, "color": MEASURED, "linestyle": "none"}
        axes.plot(value.value, number + _VALUE_AT, **style)


def _whisker(
    axes: "Axes", one: Estimate, at: float, colour: str, *, width: float, alpha: float = 1.0
) -> None:
    if one.low is not None and one.high is not None:
        style: Style = {"color": colour, "linewidth": width, "alpha": alpha, "zorder": 1}
        axes.plot([one.low, one.high], [at, at], **style)


def _numbers(axes: "Axes", rows: list[StepWorth], found: Attribution) -> None:
    """The value of every row at the right end."""
    if found.method is None:
        return
    axes.margins(x=0.03)
    place: Style = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": SMALL}
    for number, row in enumerate(rows):
        value = row.values[found.method]
        between = "" if value.low is None else f" [{signed(value.low)}, {signed(value.high)}]"
        axes.text(1.01, number, f"{signed(value.value)}{between}", color=INK, **place)


def _legend(figure: "Figure", rows: list[StepWorth], found: Attribution) -> None:
    from matplotlib.lines import Line2D

    entries = []
    if found.method is not None:
        text = "over all orders, with 95 % interval"
        style: Style = {"marker": "D", "markersize": 5, "color": MEASURED, "linewidth": 1.6}
        entries.append(Line2D([], [], label=text, **style))
    known = [(row.cumulative, row.leave_one_out, row.add_one_in) for row in rows]
    for number, (_, marker, colour, text) in enumerate(_SINGLE):
        if any(one[number] is not None for one in known):
            style = {"marker": marker, "markersize": 4.5, "markerfacecolor": "white"}
            entries.append(Line2D([], [], label=text, color=colour, linewidth=0.6, **style))
    if any(one is not None and one.modelled for row in known for one in row):
        entries.append(Line2D([], [], label="pale: by the regression", linestyle="none"))
    if any(row.by_order for row in rows):
        style = {"marker": "|", "markersize": 6, "color": FAINT, "linestyle": "none"}
        entries.append(Line2D([], [], label="in each sampled order", **style))
    figure.legend(handles=entries, loc="outside lower left", ncols=3, frameon=False, fontsize=SMALL)
