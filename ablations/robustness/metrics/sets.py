"""All metrics of a study, by the set of images that they are of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablations.compare.records import PointRecord, StudyRecord
from ablations.robustness.metrics.analyses import analysis_metrics, analysis_notes
from ablations.robustness.metrics.corrupted import corrupted
from ablations.robustness.metrics.grid import CorruptionGrid, corruption_grid
from ablations.robustness.metrics.metric import Metric
from ablations.robustness.metrics.single import (
    accuracy_loss,
    attack_success,
    background_gap,
    found_others,
    top1,
)
from ablations.robustness.metrics.steadiness import steadiness
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import set_title

CORRUPTED = (
    "corruptions",
    "sets/imagenet_c",
    "sets/cifar10_c",
    "sets/cifar100_c",
    "sets/tiny_imagenet_c",
)
PERTURBED = ("perturbations", "sets/imagenet_p")
_ANALYSES = "analyses"
_IN_MEMORY = ("corruptions", "perturbations", "occlusion", "attacks", _ANALYSES)
_OTHERS = {"sets/imagenet_o": ("sets/imagenet_o/out", "sets/imagenet_o/in")}
_NINE = "sets/imagenet_9"


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """The metrics that are of one set of images.

    Attributes:
        start: that the keys of the conditions have in common, such as `corruptions`.
        title: such as `Fashion-MNIST-C (in memory)`.
        in_memory: whether the images are made of the data set's own; else a benchmark's files.
        metrics: in the order of tables.
        notes: what was left out, and why, in sentences.
        versions: of the conditions' definitions.
        images: the largest number that a condition is about.
        parameters: of the first of the conditions; of corruptions these name the severity table.
        grid: of corruptions; None elsewhere.
    """

    start: str
    title: str
    in_memory: bool
    metrics: tuple[Metric, ...]
    notes: tuple[str, ...]
    versions: tuple[int, ...]
    images: int
    parameters: Mapping[str, Any]
    grid: CorruptionGrid | None = None

    def metric(self, name: str) -> Metric | None:
        """A metric by its name; None where it could not be computed."""
        return next((metric for metric in self.metrics if metric.name == name), None)


def reference_point(study: StudyRecord) -> PointRecord:
    """What errors are divided by: the first point that is compared with none."""
    first = [point for point in study.points if study.reference(point) is None]
    return (first or study.points)[0]


def measured_sets(study: StudyRecord, found: Collected) -> tuple[MeasuredSet, ...]:
    """The metrics of everything that was answered, in the order of the design's tables."""
    sets = [
        _set(study, found, start)
        for start in dict.fromkeys((*_IN_MEMORY, *CORRUPTED, *PERTURBED, *_starts(found)))
        if found.keys(start)
    ]
    return tuple(one for one in sets if one.metrics or one.notes)


def _starts(found: Collected) -> list[str]:
    """The sets of images that conditions brought."""
    own = [key for key in found.kept if key.startswith(("sets/", "ood/"))]
    return list(dict.fromkeys("/".join(key.split("/")[:2]) for key in own))


def _set(study: StudyRecord, found: Collected, start: str) -> MeasuredSet:
    notes, grid = list[str](), None
    reference = reference_point(study)
    metrics: list[Metric] = []
    if start in CORRUPTED:
        grid = corruption_grid(found, start)
        if grid is not None:
            both = corrupted(found, grid, reference=reference.label, title=reference.title)
            metrics, notes = [*both.metrics], [*both.notes]
    elif start in PERTURBED:
        metrics = steadiness(
            found,
            start,
            reference=reference.label,
            title=reference.title,
            notes=notes,
            alexnet_t5d=(study.robustness or {}).get("alexnet_t5d"),
        )
    else:
        metrics = _others(found, start)
        notes = analysis_notes(found) if start == _ANALYSES else []
    kept = [found.kept[key] for key in found.keys(start)]
    return MeasuredSet(
        start,
        set_title(study, found, start),
        start.partition("/")[0] in _IN_MEMORY,
        tuple(metric for metric in metrics if metric.values),
        tuple(notes),
        tuple(sorted({one.version for one in kept})),
        max(one.count for one in kept),
        kept[0].parameters,
        grid,
    )


def _others(found: Collected, start: str) -> list[Metric]:
    """Of sets without formulas of their own: accuracy by condition, and what a set is known for."""
    if start.startswith("ood/"):
        return found_others(found, start, CLEAN) if CLEAN in found.kept else []
    if start in _OTHERS:
        there = all(key in found.kept for key in _OTHERS[start])
        return found_others(found, *_OTHERS[start]) if there else []
    metrics = analysis_metrics(found) if start == _ANALYSES else []
    for key in found.keys(start):
        rest = key.removeprefix(start).lstrip("/")
        if start == _ANALYSES and not rest.startswith("noise/"):
            continue  # answers of other kinds
        if rest.startswith("taig/"):
            metrics += attack_success(found, key, name=rest)
        elif rest.startswith("noise/"):
            metrics += accuracy_loss(found, key, name=rest)
        else:
            metrics.append(top1(found, key, name=f"top-1 {rest}".strip()))
    same, rand = (f"{_NINE}/mixed_{word}" for word in ("same", "rand"))
    if start == _NINE and {same, rand} <= set(found.kept):
        metrics += background_gap(found, same, rand)
    return metrics
