"""Which figures a report has, and what is said about them."""

from collections.abc import Callable, Sequence

from ablations.compare.differences import published_difference
from ablations.compare.drawing import Drawing
from ablations.compare.printed import published_note
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.figures.cost_figure import cost_figure
from ablations.figures.curves import curves_figure
from ablations.figures.figure import steps_figure
from ablations.figures.forest_figure import compared_rows, forest_figure
from ablations.figures.grid_figure import grid_figure
from ablations.figures.networks_figure import networks_figure
from lit_models.registry.registry import Registry

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
FRONT = (
    "Of measured networks, filled: on the front of accuracy against that cost, as far as one can "
    "tell. Hollow: some network that costs no more is better, with the whole 95 % interval of "
    "their difference above 0; each interval is of its pair alone."
)
LINES = "A line goes from a network to the same one with one step more."
GRID = (
    "Top-1 accuracy on the test split of each network (rows) with each list of steps (columns), "
    "and below it the difference to the first column: violet is higher, orange lower."
)
LINES_OF_GRID = "A line goes from a network to the same one with other steps."
DIFFERENCES = (
    "The difference of each {noun} to {reference} with its 95 % interval, from the noise of the "
    "whole study. Filled: stands after Holm's correction for all tests of the table; p is after it."
)
PUBLISHED_TOO = "Diamonds: the published differences."
CURVES = "Top-1 accuracy on the validation split after each epoch, of the seeds that are finished."


# What draws a figure: called with the study, its rows and what is to be said of published values.
# None: there is nothing to draw.
MakeDrawing = Callable[[StudyRecord, Sequence[Row], str], Drawing | None]
DRAWINGS: Registry[MakeDrawing] = Registry("figure")


def drawings(study: StudyRecord, rows: Sequence[Row]) -> tuple[Drawing, ...]:
    """The figures of a report that the study's design names, the comparison first."""
    note = published_note(rows)
    found = (DRAWINGS[name](study, rows, note) for name in study.design.figures)
    return tuple(drawing for drawing in found if drawing is not None)


def _steps(study: StudyRecord, rows: Sequence[Row], note: str) -> Drawing:
    return Drawing(
        "steps",
        "The steps",
        "Accuracy and GMACs after each step",
        _sentences(STEPS, note),
        lambda: steps_figure(study, rows),
    )


def _networks(study: StudyRecord, rows: Sequence[Row], note: str) -> Drawing:
    return Drawing(
        "networks",
        "The networks",
        "Accuracy, GMACs and parameters of each network",
        _sentences(EACH_NETWORK, SHADES if _joined(study) > 1 else "", note),
        lambda: networks_figure(study, rows),
    )


def _grid(study: StudyRecord, rows: Sequence[Row], note: str) -> Drawing:
    del note  # published values stand in the comparison
    return Drawing(
        "grid",
        "Networks and steps",
        "Accuracy of each network with each list of steps",
        GRID,
        lambda: grid_figure(study, rows),
    )


def _differences(study: StudyRecord, rows: Sequence[Row], note: str) -> Drawing | None:
    del note  # stands below the comparison
    if not any(row.delta_low is not None for row in rows):
        return None
    compared = compared_rows(rows)
    text = DIFFERENCES.format(noun=study.design.noun, reference=study.design.compared_with)
    published = any(published_difference(row, rows) is not None for row in compared)
    return Drawing(
        "differences",
        "The differences",
        "Differences with their intervals",
        _sentences(text, PUBLISHED_TOO if published else ""),
        lambda: forest_figure(study, rows),
    )


def _cost(study: StudyRecord, rows: Sequence[Row], note: str) -> Drawing:
    del note  # stands below the comparison
    known = any(row.top1_std is not None for row in rows)
    front = FRONT if known else ""
    return Drawing(
        "cost",
        "Accuracy and cost",
        "Accuracy against GMACs and parameters",
        _sentences(COST, front, _lines(study) if _joined(study) else ""),
        lambda: cost_figure(study, rows),
    )


def _curves(study: StudyRecord, rows: Sequence[Row], note: str) -> Drawing:
    del rows, note
    return Drawing(
        "curves",
        "Training curves",
        "Validation accuracy by epoch",
        CURVES,
        lambda: curves_figure(study),
    )


def _lines(study: StudyRecord) -> str:
    design = study.design
    others = any(point.base for point in study.points)
    others |= design.on_trajectory and not design.is_line
    return LINES_OF_GRID if others else LINES


def _joined(study: StudyRecord) -> int:
    """How many networks there are, where some point is another one with steps; else 0."""
    names = {point.network for point in study.points}
    return len(names) if len(names) < len(study.points) else 0


def _sentences(*parts: str) -> str:
    return " ".join(filter(None, parts))


DRAWINGS.register("steps", _steps)
DRAWINGS.register("networks", _networks)
DRAWINGS.register("grid", _grid)
DRAWINGS.register("differences", _differences)
DRAWINGS.register("cost", _cost)
DRAWINGS.register("curves", _curves)
