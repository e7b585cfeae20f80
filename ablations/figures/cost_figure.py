"""Accuracy against cost, as papers on networks draw it: one panel for GMACs, one for parameters.

Published values have a row of panels of their own, with an axis of their own: they are of another
setting more often than not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ablations.compare.printed import published_label
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.text import setting
from ablations.figures.front import CostOf, dominated
from ablations.figures.labels import halo, place_labels
from ablations.figures.style import FAINT, GROUPS, MARKERS, SMALL, Style, bare, short
from lit_models.steps.trajectories import START

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

ALONE = -1  # the group of networks of which no two are the same one with other steps
MOST_NAMES = 24  # of dots in a panel
WIDE = 4.0  # largest over smallest cost from which an axis is logarithmic


@dataclass(frozen=True)
class Dot:
    """One network in a panel: cost, top-1 in percent with its std, and how it looks.

    Networks of a group are one network with different steps. A line goes to the dot named `before`:
    the network without the last step. It is filled unless it is known to be off the front.
    """

    cost: float
    top1: float
    std: float | None
    name: str
    group: int = ALONE
    before: str | None = None
    on_front: bool = True


def cost_figure(study: StudyRecord, rows: Sequence[Row]) -> "Figure":
    """Draw accuracy against GMACs and parameters, for every network with a finished run."""
    from matplotlib.figure import Figure

    looks = _looks(study)
    found = [(f"measured: {setting(study)}", _measured(rows, looks))]
    printed = _published(rows, looks)
    if any(len(dots) > 1 for dots in printed):
        found.append((" | ".join(published_label(rows).splitlines()), printed))
    figure = Figure(figsize=(9.6, 3.9 * len(found)), layout="constrained")
    panels = figure.subplots(len(found), 2, sharey="row", squeeze=False)
    labels = []
    for line, (title, costs) in zip(panels, found, strict=True):
        line[0].set_title(title, loc="left", fontsize=SMALL + 0.5)
        for axes, dots, unit in zip(line, costs, ("GMACs", "parameters (millions)"), strict=True):
            labels.append((axes, _panel(axes, dots, unit=unit)))
    figure.draw_without_rendering()  # positions in pixels are known only now
    for axes, texts in labels:
        place_labels(axes, texts)
    return figure


def _looks(study: StudyRecord) -> list[Dot]:
    """A dot without numbers for every point."""
    networks = [point.network for point in study.points]
    number = {name: index for index, name in enumerate(dict.fromkeys(networks))}
    looks = []
    for point in study.points:
        group = number[point.network] if len(number) < len(networks) else ALONE
        reference = study.reference(point)
        before = None
        if reference is not None and reference.network == point.network:
            before = short(reference.title)
        looks.append(Dot(0.0, 0.0, None, short(point.title), group, before))
    return looks


def _measured(rows: Sequence[Row], looks: Sequence[Dot]) -> tuple[list[Dot], list[Dot]]:
    return (
        _dots(rows, looks, lambda row: row.gmacs),
        _dots(rows, looks, lambda row: row.params / 1e6 if row.params else None),
    )


def _dots(rows: Sequence[Row], looks: Sequence[Dot], cost: CostOf) -> list[Dot]:
    """What was measured, against one cost."""
    off = dominated(rows, cost) or {}
    found = []
    for row, look in zip(rows, looks, strict=True):
        price = cost(row)
        if row.top1_mean is not None and price:
            dot = replace(look, top1=row.top1_mean, std=row.top1_std)
            found.append(replace(dot, cost=price, on_front=row.point not in off))
    return found


def _published(rows: Sequence[Row], looks: Sequence[Dot]) -> tuple[list[Dot], list[Dot]]:
    """Published values at published costs."""
    by_gmacs, by_params = [], []
    # the paper's start is another network than one of another setting
    other = {
        look.name: START
        for row, look in zip(rows, looks, strict=True)
        if row.step == START and row.published_differs
    }
    for row, look in zip(rows, looks, strict=True):
        if row.published_top1 is None:
            continue
        before = look.before and other.get(look.before, look.before)
        dot = replace(look, name=other.get(look.name, look.name), before=before)
        dot = replace(dot, top1=row.published_top1, std=row.published_std)
        by_gmacs += [replace(dot, cost=row.published_gmacs)] if row.published_gmacs else []
        by_params += [replace(dot, cost=row.published_params_m)] if row.published_params_m else []
    return by_gmacs, by_params


def _panel(axes: "Axes", dots: Sequence[Dot], *, unit: str) -> "list[Text]":
    if not dots:
        axes.set_axis_off()
        words = f"{unit}: not known"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", color=FAINT)
        return []
    bare(axes, keep=("bottom", "left"))
    axes.set_xlabel(unit, fontsize=SMALL)
    axes.set_ylabel("top-1 (%)", fontsize=SMALL)
    axes.tick_params(labelsize=SMALL, which="both")
    axes.margins(0.14, 0.12)
    costs = [dot.cost for dot in dots]
    if max(costs) > WIDE * min(costs):
        _logarithmic(axes)
    by_name = {dot.name: dot for dot in dots}
    for dot in dots:
        _draw(axes, dot, before=by_name.get(dot.before or ""))
    style: Style = {"textcoords": "offset points", "fontsize": SMALL - 0.5, **halo()}
    # of too many, those on the front have names alone
    named = [dot for dot in dots if dot.on_front] if len(dots) > MOST_NAMES else dots
    return [axes.annotate(dot.name, (dot.cost, dot.top1), (0, 0), **style) for dot in named]


def _draw(axes: "Axes", dot: Dot, *, before: Dot | None) -> None:
    colour = GROUPS[dot.group % len(GROUPS)]
    if before is not None:
        line: Style = {"color": colour, "linewidth": 0.8, "zorder": 1}
        axes.plot([before.cost, dot.cost], [before.top1, dot.top1], **line)
    if dot.std is not None:
        whisker: Style = {"color": colour, "capsize": 2, "linewidth": 0.7, "alpha": 0.5}
        axes.errorbar(dot.cost, dot.top1, yerr=dot.std, **whisker)
    style: Style = {"marker": MARKERS[dot.group % len(MARKERS)], "markersize": 5}
    face = colour if dot.on_front else "white"
    axes.plot(dot.cost, dot.top1, color=colour, markerfacecolor=face, linestyle="none", **style)


def _logarithmic(axes: "Axes") -> None:
    """A logarithmic axis with plain numbers on it."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set_xscale("log")
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(plain)
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
