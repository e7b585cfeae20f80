"""Which figures a report has, and what is said about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.compare.comparison import Row
from ablations.compare.printed import published_note
from ablations.compare.records import Study
from ablations.figures.cost_figure import cost_figure
from ablations.figures.curves import curves_figure
from ablations.figures.figure import steps_figure
from ablations.figures.networks_figure import networks_figure
from ablations.studies.design import NETWORKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


STEPS = (
    "Top-1 accuracy on the test split after each step, and multiply-adds of one image. "
    "Each accuracy axis begins where its label says."
)
EACH_NETWORK = (
    "Top-1 accuracy on the test split of each network, multiply-adds of one image, and parameters. "
    "Each accuracy axis begins where its label says."
)
COST = "Top-1 accuracy on the test split against multiply-adds of one image and against parameters."
SHADES = "Rows of one shade are one network with different steps."
LINES = "A line goes from a network to the same one with one step more."
CURVES = "Top-1 accuracy on the validation split after each epoch, of the seeds that are finished."


@dataclass(frozen=True)
class Drawing:
    """A figure: name of its files, heading on the page, a short description, what it shows."""

    name: str
    heading: str
    alt: str
    caption: str
    draw: "Callable[[], Figure]"


def drawings(study: Study, rows: Sequence[Row]) -> tuple[Drawing, ...]:
    """The figures of a report, the comparison first."""
    note = published_note(rows)
    curves = Drawing(
        "curves",
        "Training curves",
        "Validation accuracy by epoch",
        CURVES,
        lambda: curves_figure(study),
    )
    if study.design.kind != NETWORKS:
        steps = Drawing(
            "steps",
            "The steps",
            "Accuracy and GMACs after each step",
            _sentences(STEPS, note),
            lambda: steps_figure(study, rows),
        )
        return steps, curves
    names = {point.network for point in study.points}
    joined = len(names) if len(names) < len(study.points) else 0
    networks = Drawing(
        "networks",
        "The networks",
        "Accuracy, GMACs and parameters of each network",
        _sentences(EACH_NETWORK, SHADES if joined > 1 else "", note),
        lambda: networks_figure(study, rows),
    )
    cost = Drawing(
        "cost",
        "Accuracy and cost",
        "Accuracy against GMACs and parameters",
        _sentences(COST, LINES if joined else ""),
        lambda: cost_figure(study, rows),
    )
    return networks, cost, curves


def _sentences(*parts: str) -> str:
    return " ".join(filter(None, parts))
