"""Which figures of analyses a report has; none without answers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.robustness.conditions.analyses import names
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import title
from ablations.robustness.shown.analyses import captions
from ablations.robustness.shown.analyses.field_figure import field_figure, fields
from ablations.robustness.shown.analyses.panels import (
    field_parts,
    kernel_parts,
    lesion_parts,
    variance_parts,
)
from ablations.robustness.shown.figures.captions import of_images
from ablations.robustness.shown.figures.overlay import overlay_figure
from ablations.robustness.shown.figures.panels import Part

Kind = Callable[[StudyRecord, Collected, str], Iterable[Drawing]]


def drawings(study: StudyRecord, collected: Collected, *, suffix: str = "") -> tuple[Drawing, ...]:
    """The figures of analyses on images of one data set.

    The names of files end with `suffix`, which tells several data sets of a report apart.
    """
    of = title(study, collected)
    found = (one for kind in _KINDS for one in kind(study, collected, of))
    return tuple(replace(one, name=f"robustness_{one.name}{suffix}") for one in found)


def _lesion(study: StudyRecord, collected: Collected, of: str) -> Iterator[Drawing]:
    parts = lesion_parts(study, collected)
    if parts:
        said = captions.lesion(collected)
        left_out = captions.missing(study, collected, names.LESION)
        end = of_images(collected, parts, (names.LESION,))
        heading = "Blocks taken out"
        yield _overlay("lesion", heading, of, parts, *said, left_out, end, columns=3)


def _kernels(study: StudyRecord, collected: Collected, of: str) -> Iterator[Drawing]:
    parts = kernel_parts(study, collected)
    if parts:  # of weights: no images, and no data set
        said = captions.kernels(collected)
        left_out = captions.missing(study, collected, names.KERNELS)
        yield _overlay("kernel_distance", "Kernel attention distance", "", parts, *said, left_out)


def _variance(study: StudyRecord, collected: Collected, of: str) -> Iterator[Drawing]:
    parts = variance_parts(study, collected)
    if parts:
        end = of_images(collected, parts, (names.VARIANCE,))
        said = (captions.VARIANCE, captions.missing(study, collected, names.VARIANCE))
        yield _overlay("feature_variance", "Variance of feature maps", of, parts, *said, end)


def _field(study: StudyRecord, collected: Collected, of: str) -> Iterator[Drawing]:
    parts = field_parts(study, collected)
    if not parts:
        return
    end = of_images(collected, parts, (names.FIELD,))
    said = (*captions.areas(collected), captions.missing(study, collected, names.FIELD))
    heading = "Effective receptive field"
    yield _overlay("receptive_field", heading, of, parts, *said, end)
    yield Drawing(
        "receptive_field_maps",
        f"{heading}, pixel by pixel: {of}",
        "Effective receptive fields of some steps as pictures",
        " ".join((f"{of}.", captions.FIELDS, end)),
        lambda: field_figure(fields(study, collected), heading=of),
    )


_KINDS: tuple[Kind, ...] = (_lesion, _kernels, _variance, _field)


def _overlay(
    name: str, heading: str, of: str, parts: Sequence[Part], *said: str, columns: int = 2
) -> Drawing:
    """A figure of curves; `of` names the data, where there is any."""
    panels = [part.panel for part in parts]
    draw = partial(overlay_figure, panels, heading=of or heading, columns=columns)
    caption = " ".join(filter(None, (f"{of}." if of else "", *said)))
    return Drawing(
        name, f"{heading}: {of}" if of else heading, f"{heading} of each step", caption, draw
    )
