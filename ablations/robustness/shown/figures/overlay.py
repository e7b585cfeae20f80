"""Curves of all steps in one panel: first, last and largest change in colour, the others in grey.

Which they are is decided once a figure, so that a colour means the same step in every panel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ablations.compare.words import plural
from ablations.figures.panels import set_title
from ablations.figures.style import FAINT, GROUPS, INK, MEASURED, SMALL, Style, bare, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

Scale = Literal["linear", "log", "symlog"]
OTHERS = "#c3c8cd"
_PANEL = (4.3, 2.9)  # inches
_LETTERS = 36  # that fit below a panel
_FIRST: Style = {"color": INK, "marker": "o", "linestyle": "-"}
_LARGEST: Style = {"color": GROUPS[0], "marker": "D", "linestyle": (0, (4, 1.5))}
_LAST: Style = {"color": MEASURED, "marker": "s", "linestyle": "-"}


@dataclass(frozen=True)
class Curve:
    """What one point of a study has in a panel.

    Attributes:
        label: of the point.
        title: of the point, for people.
        x: (n,) ascending.
        seeds: by training seed, (n,) values at `x`.
        reference: label of the point that it is compared with; None: it is with none.
    """

    label: str
    title: str
    x: tuple[float, ...]
    seeds: Mapping[int, tuple[float, ...]]
    reference: str | None = None

    @property
    def values(self) -> NDArray[np.float64]:
        """(seeds, n)."""
        return np.asarray(list(self.seeds.values()), np.float64)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(n,) over seeds."""
        return np.asarray(self.values.mean(0), np.float64)


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: above it.
        x_label: with the unit.
        y_label: likewise.
        curves: in the order of the study.
        scale: of the x axis; `symlog` is linear below the least x above 0.
        ticks: what stands at which x; None: as matplotlib chooses.
        level: a y that a thin line marks, with what it is, such as chance; not where it is far off.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    scale: Scale = "linear"
    ticks: Mapping[float, str] | None = None
    level: tuple[float, str] | None = None


@dataclass(frozen=True)
class Chosen:
    """The points that have a colour; `largest` is that of the largest change, where there is one.

    Attributes:
        first: label.
        last: label; the first where there is no other.
        largest: label, which may be first or last; None: no change is known.
        titles: of all, by label.
    """

    first: str
    last: str
    largest: str | None
    titles: Mapping[str, str]

    def style(self, label: str) -> Style | None:
        """How a point is drawn; None: as one of the others."""
        if label == self.last and self.last != self.first:
            return _LAST
        return {self.first: _FIRST, self.largest: _LARGEST}.get(label)


def chosen(panels: Sequence[Panel]) -> Chosen:
    """First, last and largest change of a figure with at least one curve.

    A change is the mean over x of the difference to the reference, both means over seeds, in shares
    of the panel's range, and of several panels their mean.
    """
    titles = {curve.label: curve.title for panel in panels for curve in panel.curves}
    first, last = next(iter(titles)), list(titles)[-1]
    changes: dict[str, list[float]] = {}
    for panel in panels:
        for label, change in _changes(panel).items():
            changes.setdefault(label, []).append(change)
    means = {label: abs(float(np.mean(found))) for label, found in changes.items()}
    largest = max(means, key=means.__getitem__) if any(means.values()) else None
    return Chosen(first, last, largest, titles)


def _changes(panel: Panel) -> dict[str, float]:
    by_label = {curve.label: curve for curve in panel.curves}
    every = [value for curve in panel.curves for value in curve.mean]
    extent = max(every, default=0.0) - min(every, default=0.0) or 1.0
    found = {}
    for curve in panel.curves:
        other = by_label.get(curve.reference or "")
        if other is None:
            continue
        before = dict(zip(other.x, other.mean, strict=True))
        pairs = [(y, before[x]) for x, y in zip(curve.x, curve.mean, strict=True) if x in before]
        if pairs:
            found[curve.label] = float(np.mean([now - then for now, then in pairs])) / extent
    return found


def overlay_figure(panels: Sequence[Panel], *, heading: str, columns: int = 2) -> "Figure":
    """Draw panels with at least one curve among them; those without any are left out."""
    from matplotlib.figure import Figure

    panels = [panel for panel in panels if panel.curves]
    columns = min(columns, len(panels))
    lines = ceil(len(panels) / columns)
    roles = chosen(panels)
    width = max(_PANEL[0] * columns, 5.6)
    figure = Figure(
        figsize=(width, _PANEL[1] * lines + (0.8 if columns > 1 else 1.1)), layout="constrained"
    )
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    figure.suptitle(heading, x=0.01, ha="left", fontsize=SMALL + 1.5)
    for one, panel in zip(axes, panels, strict=False):
        draw_panel(one, panel, roles)
    for unused in axes[len(panels) :]:
        unused.set_axis_off()
    entries = legend_entries(panels, roles)
    figure.legend(
        handles=entries, loc="outside lower left", ncols=columns, frameon=False, fontsize=SMALL
    )
    return figure


def draw_panel(axes: "Axes", panel: Panel, roles: Chosen) -> None:
    """Draw one panel; those with a colour are drawn last, over the others."""
    bare(axes, keep=("bottom", "left"))
    set_title(axes, panel.title)
    axes.set_xlabel(panel.x_label, fontsize=SMALL)
    axes.set_ylabel(panel.y_label, fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)
    _scale(axes, panel)
    for curve in sorted(panel.curves, key=lambda one: roles.style(one.label) is not None):
        _draw(axes, curve, roles.style(curve.label))
    low, high = axes.get_ylim()
    if panel.level is not None and low - (high - low) / 5 < panel.level[0] < high:
        height, text = panel.level
        axes.axhline(height, color=FAINT, linewidth=0.7, linestyle=":", zorder=0)
        place: Style = {"xytext": (-1, 2), "textcoords": "offset points", "ha": "right"}
        beside = axes.get_yaxis_transform()
        axes.annotate(text, (1, height), xycoords=beside, fontsize=SMALL - 1, color=FAINT, **place)


def _scale(axes: "Axes", panel: Panel) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    if panel.scale == "log":
        axes.set_xscale("log")
    elif panel.scale == "symlog":
        least = min((x for curve in panel.curves for x in curve.x if x > 0), default=1.0)
        axes.set_xscale("symlog", linthresh=least, linscale=0.5)
    if panel.ticks is not None:
        axes.set_xticks(list(panel.ticks), list(panel.ticks.values()), **_fitting(panel.ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())


def _fitting(ticks: Mapping[float, str]) -> Style:
    """Many letters are turned; those of two lines, which cannot be, are smaller."""
    if any("\n" in text for text in ticks.values()):
        return {"fontsize": SMALL - 1.5}
    many = sum(map(len, ticks.values())) > _LETTERS
    return {"rotation": 45, "ha": "right"} if many else {}


def _draw(axes: "Axes", curve: Curve, look: Style | None) -> None:
    known = np.isfinite(curve.mean)
    style: Style = {"color": OTHERS, "linewidth": 0.9, "zorder": 2, "label": curve.label}
    if look is None:
        marker = "o" if known.sum() == 1 else None
        axes.plot(curve.x, curve.mean, marker=marker, markersize=3, **style)
        return
    many = len(curve.x) > 24  # markers would be a band
    style |= {**look, "linewidth": 1.5, "markersize": 3.5, "zorder": 4}
    axes.plot(curve.x, curve.mean, **(style | ({"marker": None} if many else {})))
    if len(curve.seeds) > 1:
        _spread(axes, curve, look["color"])


def _spread(axes: "Axes", curve: Curve, colour: str) -> None:
    """A band from the lowest to the highest seed; at a single x the seeds themselves."""
    if len(curve.x) == 1:
        dots: Style = {"marker": ".", "markersize": 4, "linestyle": "none", "color": colour}
        axes.plot(curve.x * len(curve.seeds), curve.values[:, 0], zorder=3, **dots)
        return
    low, high = curve.values.min(0), curve.values.max(0)
    axes.fill_between(curve.x, low, high, color=colour, alpha=0.15, linewidth=0, zorder=1)


def legend_entries(panels: Sequence[Panel], roles: Chosen) -> "list[Line2D | Patch]":
    """What colours, grey and bands mean, where there are any."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names: dict[str, list[str]] = {roles.first: ["first"]}
    if roles.largest is not None:
        names.setdefault(roles.largest, []).append("largest change")
    if roles.last != roles.first:
        names.setdefault(roles.last, []).append("last")
    alone = len(roles.titles) == 1
    entries: list[Line2D | Patch] = []
    for label, said in names.items():
        title = short(roles.titles[label])
        look: Style = {"linewidth": 1.5, "markersize": 3.5, **(roles.style(label) or {})}
        said_of = title if alone else f"{', '.join(said)}: {title}"
        entries.append(Line2D([], [], label=said_of, **look))
    others = len(roles.titles) - len(names)
    if others:
        text = plural(others, "other")
        entries.append(Line2D([], [], color=OTHERS, linewidth=0.9, label=text))
    coloured = [
        curve for panel in panels for curve in panel.curves if roles.style(curve.label) is not None
    ]
    several = [curve for curve in coloured if len(curve.seeds) > 1]
    if any(len(curve.x) > 1 for curve in several):
        entries.append(Patch(facecolor=INK, alpha=0.15, label="lowest to highest seed"))
    if any(len(curve.x) == 1 for curve in several):
        dot: Style = {"marker": ".", "markersize": 4, "linestyle": "none", "color": INK}
        entries.append(Line2D([], [], label="one seed", **dot))
    return entries
