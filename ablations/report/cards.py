"""One card a step: which fields of the spec it changed, what that cost, and what it was worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ablations.compare.cells import difference, number
from ablations.compare.records import PointRecord, StudyRecord
from ablations.compare.row import Row
from ablations.compare.words import EQUAL_PREDICTIONS, p_after_correction, plural, signed
from lit_models.families.reference import Network
from lit_models.families.serialise import difference as spec_difference
from lit_models.families.serialise import from_dict
from lit_models.training.metrics import IMAGES_PER_S, PEAK_MEMORY_MB

LONGEST_VALUE = 90  # characters of a field's value
MOST_FIELDS = 12


@dataclass(frozen=True)
class Card:
    """A point beside its reference: fields as (path, before, after), costs as (name, text)."""

    title: str
    summary: str
    compared_with: str
    fields: tuple[tuple[str, str, str], ...]
    more_fields: int  # that differ as well
    costs: tuple[tuple[str, str], ...]
    accuracy: str


def cards(study: StudyRecord, rows: Sequence[Row]) -> tuple[Card, ...]:
    """A card for every point that has a reference, in the order of the plan."""
    by_label = {row.point: row for row in rows}
    pairs = [(point, study.reference(point)) for point in study.points]
    return tuple(
        _card(study, point, reference, by_label) for point, reference in pairs if reference
    )


def _card(
    study: StudyRecord, point: PointRecord, reference: PointRecord, by_label: dict[str, Row]
) -> Card:
    row, before = by_label[point.label], by_label[reference.label]
    changes = _changes(_spec(reference), _spec(point))
    return Card(
        title=point.title,
        summary=study.design.summary_of(point),
        compared_with=reference.title,
        fields=changes[:MOST_FIELDS],
        more_fields=len(changes[MOST_FIELDS:]),
        costs=_costs(row, before),
        accuracy=_accuracy(row),
    )


def _spec(point: PointRecord) -> Network | None:
    """The spec that the point's runs were given; None when no run folder has a readable one."""
    for run in point.runs:
        if run.config is not None:
            try:
                return from_dict(run.config["spec"])
            except (KeyError, TypeError, ValueError):  # another version's, or damaged: try the next
                continue
    return None


def _changes(before: Network | None, after: Network | None) -> tuple[tuple[str, str, str], ...]:
    if before is None or after is None or type(before) is not type(after):
        return ()  # a network of timm has no fields that ours has
    changed = spec_difference(before, after)
    return tuple((path, _short(old), _short(new)) for path, old, new in changed)


def _short(value: Any) -> str:
    text = "none" if value is None or value == [] else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _costs(row: Row, before: Row) -> tuple[tuple[str, str], ...]:
    pairs = [
        ("params (M)", before.params and before.params / 1e6, row.params and row.params / 1e6, 3),
        ("GMACs", before.gmacs, row.gmacs, 3),
        ("images/s in training", before.values.get(IMAGES_PER_S), row.values.get(IMAGES_PER_S), 0),
        ("memory (MiB)", before.values.get(PEAK_MEMORY_MB), row.values.get(PEAK_MEMORY_MB), 0),
    ]
    return tuple(
        (name, _change(old, new, digits)) for name, old, new, digits in pairs if new is not None
    )


def _change(old: float | None, new: float, digits: int) -> str:
    if old is None:
        return number(new, decimals=digits)
    relative = f" ({signed(100 * (new / old - 1), digits=1)} %)" if old else ""
    return f"{number(old, decimals=digits)} → {number(new, decimals=digits)}{relative}"


def _accuracy(row: Row) -> str:
    if row.delta is None:
        return "no seed is finished on both sides"
    if row.equal_predictions:
        return f"{EQUAL_PREDICTIONS} ({plural(row.delta_seeds, 'seed')})"
    p = "" if row.delta_p_holm is None else f", {p_after_correction(row.delta_p_holm)}"
    return f"{difference(row)} points of top-1 ({plural(row.delta_seeds, 'seed')}{p})"
