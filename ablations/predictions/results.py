"""What a study's predictions say: every difference image by image, and which points are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablations.compare.differences import study_noise
from ablations.compare.headlines import known_rows
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.predictions.classes import (
    class_accuracy,
    class_images,
    confusion,
    confusion_percent,
    most_confused,
    plain,
)
from ablations.predictions.collected import Collected, collect
from ablations.predictions.pairs import Pair, compare
from ablations.statistics.multiplicity import holm

MOST_CLASSES = 20  # that a matrix or a heat map can name
MOST_PAIRS = 20  # of classes that are listed instead
MOST_ROWS = 40  # of a table or a heat map


@dataclass(frozen=True)
class Results:
    """The predictions of a study, compared.

    Attributes:
        found: the predictions.
        titles: of the points, by label; in brackets where the trajectory did not go on with one.
        pairs: each point against its reference, in the order of the study.
        ends: the first and the last point of a line, else those of the lowest and the highest
            accuracy; one label where there is one point, none without predictions.
        first_to_last: the last against the first of a line; None elsewhere.
        p_holm: McNemar's p by point, adjusted for all pairs.
    """

    found: Collected
    titles: Mapping[str, str]
    pairs: tuple[Pair, ...]
    ends: tuple[str, ...]
    first_to_last: Pair | None
    p_holm: Mapping[str, float]

    def plain(self) -> dict[str, Any]:
        """As plain data: accuracies in percent, differences in points, confusions in images.

        Matrices stand there with up to `MOST_CLASSES` classes; more classes have the most confused
        pairs.
        """
        found = self.found
        pairs = [pair.plain() | {"mcnemar_p_holm": self.p_holm[pair.point]} for pair in self.pairs]
        whole: dict[str, Any] = {
            "images": len(found.labels),
            "runs": found.runs,
            "class_names": list(found.class_names),
            "class_images": class_images(found).tolist(),
            "class_accuracy": {
                point: plain(class_accuracy(found, point)) for point in found.classes
            },
            "differences": pairs,
            "first_to_last": self.first_to_last and self.first_to_last.plain(),
        }
        counts = {point: confusion(found, point) for point in self.ends}
        if len(found.class_names) <= MOST_CLASSES:
            return whole | {"confusion": {point: c.tolist() for point, c in counts.items()}}
        listed = {
            point: most_confused(confusion_percent(c), most=MOST_PAIRS)
            for point, c in counts.items()
        }
        return whole | {
            "most_confused": {p: [pair._asdict() for pair in listed[p]] for p in self.ends}
        }


def results(study: StudyRecord, rows: Sequence[Row]) -> Results | None:
    """Compare the predictions of a study's finished runs; None where none were kept."""
    found = collect(study)
    if found is None:
        return None
    noise = study_noise(study)
    points = {point.label: point for point in study.points}
    references = {point.label: study.reference(point) for point in study.points}
    compared = [
        compare(found, points[label], before, noise)
        for label, before in references.items()
        if before is not None
    ]
    pairs = tuple(pair for pair in compared if pair is not None)
    ends = _ends(study, [row for row in known_rows(rows) if row.point in found.classes])
    whole = None
    if study.design.is_line and len(ends) > 1:
        whole = compare(found, points[ends[1]], points[ends[0]], noise)
    titles = {
        label: point.title if point.on_main_line else f"({point.title})"
        for label, point in points.items()
    }
    return Results(found, titles, pairs, ends, whole, holm({pair.point: pair.p for pair in pairs}))


def _ends(study: StudyRecord, known: Sequence[Row]) -> tuple[str, ...]:
    if not study.design.is_line:
        known = sorted(known, key=lambda row: row.top1_mean or 0.0)
    return tuple(dict.fromkeys(row.point for row in (*known[:1], *known[-1:])))
