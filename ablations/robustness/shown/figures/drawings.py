"""Which figures of answers a report has; none without answers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import set_title, title
from ablations.robustness.shown.figures import captions
from ablations.robustness.shown.figures.overlay import overlay_figure
from ablations.robustness.shown.figures.panels import (
    CORRUPTED,
    NOISE,
    Part,
    attack_parts,
    noise_parts,
    occlusion_parts,
    severity_parts,
)
from ablations.robustness.shown.figures.series import brings_images

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


def _severity(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    for start in CORRUPTED:
        parts = severity_parts(study, collected, start)
        if parts:
            clean = "" if brings_images(start) else captions.CLEAN
            end = captions.of_images(collected, parts, collected.keys(start))
            name = f"severity_{start.rsplit('/')[-1]}"
            of = set_title(study, collected, start)
            yield _drawing(name, "Error by severity", of, parts, captions.SEVERITY, clean, end)


def _occlusion(study: StudyRecord, collected: Collected) -> Iterator[Drawing]:
    parts = occlusion_parts(study, collected)
    if parts:
        end = captions.of_images(collected, parts, collected.keys("occlusion"))
        yield _drawing(
            "occlusion", "Dropped patches", title(study, collected), parts, captions.OCCLUSION, end
        )


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


_KINDS: tuple[Kind, ...] = (_severity, _occlusion, _attacks, _noise)


def _drawing(name: str, heading: str, of: str, parts: Sequence[Part], *said: str) -> Drawing:
    """A figure of curves; `of` names the data."""
    panels = tuple(part.panel for part in parts)
    draw = partial(overlay_figure, panels, heading=of)
    caption = " ".join(filter(None, (f"{of}.", *said)))
    return Drawing(name, f"{heading}: {of}", f"{heading} of each step", caption, draw)
