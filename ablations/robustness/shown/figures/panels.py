"""Which conditions make a panel, and what stands at its axes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablations.compare.records import StudyRecord
from ablations.robustness.conditions.arrays import AREA
from ablations.robustness.metrics.grid import CorruptionGrid
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import condition_title
from ablations.robustness.shown.figures.overlay import Panel, Scale
from ablations.robustness.shown.figures.series import Series, errors, losses, top1_series
from datamodules.corruptions.names import EXTRA, GROUPS

TOP1 = "top-1 (%)"
NOISE = "analyses/noise"
_EXTRA = "extra"
_OCCLUSION = (
    ("occlusion/random", "random patches, black", "share of patches"),
    ("occlusion/random_mean", "random patches, the data set's mean", "share of patches"),
    ("occlusion/salient", "salient patches first", "share of saliency"),
    ("occlusion/non_salient", "least salient patches first", "share of saliency"),
)
_EPS = "largest change of a pixel, of the range from 0 to 1"
_ATTACKS: tuple[tuple[str, str, str, Scale], ...] = (
    ("attacks/fgsm", "FGSM", _EPS, "symlog"),
    ("attacks/pgd", "PGD", _EPS, "linear"),
    ("attacks/pgd_steps", "PGD by its steps", "steps", "symlog"),
    ("attacks/taig", "TAIG, made on another network", _EPS, "linear"),
)


@dataclass(frozen=True)
class Part:
    """A panel, and how many images it is of."""

    panel: Panel
    images: int


def number_of(key: str) -> float:
    """The number that the name of a condition ends with: `8_255` is 8/255."""
    text = key.rsplit("/", 1)[1]
    above, _, below = text.partition("_")
    return float(above) / float(below) if below else float(text)


def said(key: str) -> str:
    """That number as people read it."""
    return key.rsplit("/", 1)[1].replace("_", "/")


def severity_parts(
    study: StudyRecord, collected: Collected, grid: CorruptionGrid
) -> tuple[Part, ...]:
    """Error against severity on the images of a grid, a panel a group of its corruptions."""
    found = []
    for group, names in {**GROUPS, _EXTRA: EXTRA}.items():
        there = [name for name in names if name in (*grid.corruptions, *grid.extra)]
        places = {
            float(level): tuple(grid.key(name, level) for name in there)
            for level in grid.severities
        }
        series = errors(top1_series(study, collected, places, indices=grid.images))
        title = f"{group}: mean of {', '.join(map(condition_title, there))}"
        ticks = {float(level): str(level) if level else "clean" for level in range(6)}
        found.append(_part(series, title, "severity", "top-1 error (%)", ticks=ticks))
    return _with_curves(found)


def occlusion_parts(study: StudyRecord, collected: Collected) -> tuple[Part, ...]:
    """Top-1 against what share is dropped, by what is dropped."""
    found = []
    for start, title, what in _OCCLUSION:
        keys = collected.keys(start)
        series = top1_series(study, collected, _by_number(keys))
        areas = _areas(collected, keys)
        below = "; below: of the area" if areas else ""
        part = _part(series, title, f"{what} that is dropped{below}", TOP1, ticks=areas or None)
        found.append(part)
    return _with_curves(found)


def attack_parts(study: StudyRecord, collected: Collected) -> tuple[Part, ...]:
    """Top-1 against how strong an attack is."""
    found = []
    for start, title, what, scale in _ATTACKS:
        keys = collected.keys(start)
        series = top1_series(study, collected, _by_number(keys))
        ticks = {0.0: "0"} | {number_of(key): said(key) for key in keys}
        found.append(_part(series, title, what, TOP1, scale=scale, ticks=ticks))
    return _with_curves(found)


def noise_parts(study: StudyRecord, collected: Collected) -> tuple[Part, ...]:
    """What is lost by noise of one ring of frequencies."""
    keys = collected.keys(NOISE)
    series = losses(top1_series(study, collected, _by_number(keys)))
    what = "frequency of the noise, the middle of its ring (\N{GREEK SMALL LETTER PI}: Nyquist)"
    ticks = {number_of(key): said(key) for key in keys}
    return _with_curves([_part(series, "", what, "loss of top-1 (points)", ticks=ticks)])


def _by_number(keys: Iterable[str]) -> Mapping[float, tuple[str, ...]]:
    found: dict[float, tuple[str, ...]] = {}
    for key in keys:
        found[number_of(key)] = (*found.get(number_of(key), ()), key)
    return found


def _part(
    series: Series,
    title: str,
    x_label: str,
    y_label: str,
    *,
    scale: Scale = "linear",
    ticks: Mapping[float, str] | None = None,
) -> Part:
    drawn = {x for curve in series.curves for x in curve.x}
    shown = None if ticks is None else {x: text for x, text in ticks.items() if x in drawn}
    panel = Panel(title, x_label, y_label, series.curves, scale=scale, ticks=shown)
    return Part(panel, series.images)


def _with_curves(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.panel.curves)


def _areas(collected: Collected, keys: Sequence[str]) -> dict[float, str]:
    """By share of saliency, which share of an image that is: the mean of the images, of any run."""
    found = {0.0: "0"}
    for key in keys:
        point, seed = next(iter(collected.runs(key)))
        area = collected.arrays(key, point, seed).get(AREA)
        if area is not None:
            found[number_of(key)] = f"{said(key)}\n{100 * float(np.mean(area)):.0f} %"
    return found if len(found) > 1 else {}
