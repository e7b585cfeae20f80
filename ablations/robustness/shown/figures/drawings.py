"""Which figures of answers a report has; none without answers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.robustness.metrics.changes import corruption_changes
from ablations.robustness.metrics.grid import CorruptionGrid, corruption_grid
from ablations.robustness.metrics.sets import CORRUPTED, PERTURBED
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import set_title, title
from ablations.robustness.shown.figures import captions
from ablations.robustness.shown.figures.heat_map import heat_map_figure
from ablations.robustness.shown.figures.maps import change_map, flip_map
from ablations.robustness.shown.figures.overlay import overlay_figure
from ablations.robustness.shown.figures.panels import (
    NOISE,
    Part,
    attack_parts,
    noise_parts,
    occlusion_parts,
    severity_parts,
)
from ablations.robustness.shown.figures.scatter import scatter_figure
from ablations.robustness.shown.figures.series import brings_images
from ablations.robustness.shown.figures.shifts import shift_panels

Kind = Callable[[StudyRecord, Collected], Iterable[Drawing]]


def drawings(
    study: StudyRecord, rows: Sequence[Row], collected: Collected, *, suffix: str = ""
) -> tuple[Drawing, ...]:
    """The figures of answers about one data set.

    The names of files end with `suffix`, which tells several data sets of a report apart.
    """
    del rows
    found = (one for kind in _KINDS for one in kind(study, collected))

    return tuple(replace(one, name=f"robustness_{one.name}{suffix}") for one in found)


def _corruptions(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    for start in CORRUPTED:
        grid = corruption_grid(collected, start)
        if grid is not None:
            yield from _changes(study, collected, grid)
            yield from _severity(study, collected, grid)


def _changes(study: StudyRecord, collected: Collected, grid: CorruptionGrid) -> Iterator[Drawing]:
    found = corruption_changes(study, collected, grid)
    if found.cells:
        of = set_title(study, collected, grid.start)
        name = f"changes_{grid.start.rpartition('/')[2]}"
        end = captions.of_changes(collected, found, grid)
        caption = f"{of}. {captions.CHANGES.format(reference=study.design.compared_with)} {end}"
        draw = partial(heat_map_figure, change_map(study, found, heading=of))
        heading = f"Change by corruption: {of}"
        yield Drawing(name, heading, "Change of accuracy under each corruption", caption, draw)


def _severity(study: StudyRecord, collected: Collected, grid: CorruptionGrid) -> Iterator[Drawing]:
    parts = severity_parts(study, collected, grid)
    if parts:
        clean = "" if brings_images(grid.start) else captions.CLEAN
        end = captions.of_images(collected, parts, grid.conditions)
        name = f"severity_{grid.start.rpartition('/')[2]}"
        of = set_title(study, collected, grid.start)
        yield _drawing(name, "Error by severity", of, parts, captions.SEVERITY, clean, end)


def _scatter(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    panels = shift_panels(study, collected)
    if panels:
        of = title(study, collected)
        known = captions.LINE if any(panel.line for panel in panels) else ""
        caption = " ".join(filter(None, (f"{of}.", captions.SCATTER, known)))
        draw = partial(scatter_figure, panels, heading=of)
        heading = f"Clean and changed images: {of}"
        yield Drawing("clean", heading, "Accuracy on changed and clean images", caption, draw)


def _flips(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    for start in PERTURBED:
        found = flip_map(study, collected, start)
        if found is not None:
            of = set_title(study, collected, start)
            end = captions.of_flips(collected, start)
            draw = partial(heat_map_figure, replace(found, heading=f"{of}: {found.heading}"))
            name = f"flips_{start.rpartition('/')[2]}"
            caption = f"{of}. {captions.FLIPS} {end}"
            alt = "Share of flips along sequences of each step"
            yield Drawing(name, f"Flips along sequences: {of}", alt, caption, draw)


def _occlusion(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    parts = occlusion_parts(study, collected)
    if parts:
        end = captions.of_images(collected, parts, collected.keys("occlusion"))
        salient = collected.keys("occlusion/salient") + collected.keys("occlusion/non_salient")
        said = (captions.OCCLUSION, captions.SALIENCY if salient else "", end)
        yield _drawing("occlusion", "Dropped patches", title(study, collected), parts, *said)


def _attacks(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    parts = attack_parts(study, collected)
    if parts:
        said = captions.attacks(study, collected)
        end = captions.of_images(collected, parts, collected.keys("attacks"))
        yield _drawing("attacks", "Attacks", title(study, collected), parts, *said, end)


def _noise(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    parts, keys = noise_parts(study, collected), collected.keys(NOISE)
    if parts:
        end = captions.of_images(collected, parts, keys)
        said = captions.noise(collected, keys)
        yield _drawing("noise", "Noise by frequency", title(study, collected), parts, said, end)


_KINDS: tuple[Kind, ...] = (_corruptions, _scatter, _flips, _occlusion, _attacks, _noise)


def _drawing(name: str, heading: str, of: str, parts: Sequence[Part], *said: str) -> Drawing:
    """A figure of curves; `of` names the data."""
    panels = tuple(part.panel for part in parts)
    draw = partial(overlay_figure, panels, heading=of)
    caption = " ".join(filter(None, (f"{of}.", *said)))
    return Drawing(name, f"{heading}: {of}", f"{heading} of each step", caption, draw)
