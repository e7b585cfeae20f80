"""The curve from start to end in every sampled order, the trajectory's own among them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ablations.attribution.study.attribute import Attribution
from ablations.compare.text import setting
from ablations.figures.panels import set_title
from ablations.figures.style import FAINT, MEASURED, PUBLISHED, SMALL, Style, bare, short
from lit_models.steps.trajectories import START

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def orders_figure(found: Attribution) -> "Figure":
    """Draw all complete orders in grey and the own one in colour; published values beside."""
    from matplotlib.figure import Figure

    published = published_curve(found)
    widths = [1.9, 1.0] if published else [1.0]
    figure = Figure(figsize=(8.6 if published else 6.2, 4.2), layout="constrained")
    axes, *others = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    set_title(axes, f"measured\n{setting(found.study)}")
    _frame(axes, found.game.players)
    for number, curve in enumerate(found.curves):
        label = "a sampled order" if number == 0 else None
        axes.plot(curve.top1, color=FAINT, linewidth=0.8, alpha=0.5, label=label)
    if found.own_curve is not None:
        style: Style = {"marker": "o", "markersize": 3.5, "linewidth": 1.8, "color": MEASURED}
        axes.plot(found.own_curve.top1, label="the trajectory's own order", zorder=3, **style)
        _name(axes, found)
    axes.legend(frameon=False, fontsize=SMALL)
    for other in others:
        _draw_published(other, found, published)
    return figure


def _frame(axes: "Axes", players: int) -> None:
    bare(axes, keep=("bottom", "left"))
    axes.set_xticks(range(players + 1))
    axes.tick_params(labelsize=SMALL)
    axes.set_xlabel("steps", fontsize=SMALL)
    axes.set_ylabel("top-1 (%)", fontsize=SMALL)


def _name(axes: "Axes", found: Attribution) -> None:
    """The steps of the own order, below the axis."""
    assert found.own_curve is not None
    titles = [short(found.game.titles[player]) for player in found.own_curve.order]
    axes.set_xticks(range(len(titles) + 1), ["start", *titles], rotation=45, ha="right")
    axes.set_xlabel("steps, those of the own order by name", fontsize=SMALL)


def published_curve(found: Attribution) -> Mapping[int, float]:
    """Published top-1 after so many steps of the own order; empty where nothing is published."""
    table = found.study.design.published
    if table is None or found.game.base:
        return {}
    names = (START, *found.game.line.step_names)
    rows = ((number, table.rows.get(name)) for number, name in enumerate(names))
    return {n: row.top1 for n, row in rows if row is not None and row.top1 is not None}


def _draw_published(axes: "Axes", found: Attribution, points: Mapping[int, float]) -> None:
    table = found.study.design.published
    assert table is not None
    setting_of = f"{table.data_title}, {table.image_size} px, {table.epochs} epochs"
    set_title(axes, f"published: {setting_of}\n{table.source}")
    _frame(axes, max(points))
    style: Style = {"marker": "o", "markersize": 3.5, "linewidth": 1.4, "color": PUBLISHED}
    axes.plot(list(points), list(points.values()), **style)
