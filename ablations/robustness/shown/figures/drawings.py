"""Which figures of answers a report has; none without answers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord
from ablations.robustness.results.collected import Collected
from ablations.robustness.shown.figures import captions
from ablations.robustness.shown.figures.overlay import overlay_figure
from ablations.robustness.shown.figures.panels import (
    CORRUPTED,
    NOISE,
    OWN_IMAGES,
    Part,
    attack_parts,
    noise_parts,
    occlusion_parts,
    severity_parts,
)

Kind = Callable[[StudyRecord, Collected, str], Iterable[Drawing]]


def drawings(
    study: StudyRecord, collected: Collected, *, title: str, suffix: str = ""
) -> tuple[Drawing, ...]:
    """The figures of answers about one data set, whose name for people is `title`.

    The names of files end with `suffix`, which tells several data sets of a report apart.
    """
    found = (one for kind in _KINDS for one in kind(study, collected, title))
    return tuple(replace(one, name=f"robustness_{one.name}{suffix}") for one in found)


def _severity(study: StudyRecord, collected: Collected, title: str) -> Iterator[Drawing]:
    for start, pattern in CORRUPTED.items():
        parts = severity_parts(study, collected, start)
        if parts:
            clean = captions.CLEAN if not start.startswith(OWN_IMAGES) else ""
            end = captions.of_images(collected, parts, collected.keys(start))
            name = f"severity_{start.rsplit('/')[-1]}"
            of = pattern.format(title)
            yield _drawing(name, "Error by severity", of, parts, captions.SEVERITY, clean, end)


def _occlusion(study: StudyRecord, collected: Collected, title: str) -> Iterator[Drawing]:
    parts = occlusion_parts(study, collected)
    if parts:
        end = captions.of_images(collected, parts, collected.keys("occlusion"))
        yield _drawing("occlusion", "Dropped patches", title, parts, captions.OCCLUSION, end)


def _attacks(study: StudyRecord, collected: Collected, title: str) -> Iterator[Drawing]:
    parts = attack_parts(study, collected)
    if parts:
        said = captions.attacks(study, collected)
        end = captions.of_images(collected, parts, collected.keys("attacks"))
        yield _drawing("attacks", "Attacks", title, parts, *said, end)


def _noise(study: StudyRecord, collected: Collected, title: str) -> Iterator[Drawing]:
    parts, keys = noise_parts(study, collected), collected.keys(NOISE)
    if parts:
        end = captions.of_images(collected, parts, keys)
        said = captions.noise(collected, keys)
        yield _drawing("noise", "Noise by frequency", title, parts, said, end)


_KINDS: tuple[Kind, ...] = (_severity, _occlusion, _attacks, _noise)


def _drawing(name: str, heading: str, of: str, parts: Sequence[Part], *said: str) -> Drawing:
    """A figure of curves; `of` names the data."""
    panels = tuple(part.panel for part in parts)
    draw = partial(overlay_figure, panels, heading=of)
    caption = " ".join(filter(None, (f"{of}.", *said)))
    return Drawing(name, f"{heading}: {of}", f"{heading} of each step", caption, draw)
