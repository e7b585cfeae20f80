"""What a report says about published values: where they are from, and whether they compare."""

from collections.abc import Sequence
from typing import NamedTuple

from ablations.compare.row import Row


class Origin(NamedTuple):
    """What printed rows of one table have in common."""

    setting: str | None
    source: str | None
    differs: str | None


def published_label(rows: Sequence[Row]) -> str:
    """The title of the published panel; says so when it is another data set or scale."""
    groups = tuple(by_origin(rows))
    if len(groups) > 1:
        differ = all(group.differs for group in groups)
        return f"published{': other settings' if differ else ''}\nseveral sources and settings"
    scale = f": {groups[0].differs}" if groups[0].differs else ""
    return f"published{scale}\n{groups[0].setting}\n{groups[0].source}"


def by_origin(rows: Sequence[Row]) -> dict[Origin, list[Row]]:
    """The rows with a published value, by where that is from."""
    groups: dict[Origin, list[Row]] = {}
    for row in rows:
        if row.published_source is not None:
            kind = Origin(row.published_setting, row.published_source, row.published_differs)
            groups.setdefault(kind, []).append(row)
    return groups


def published_note(rows: Sequence[Row]) -> str:
    """Where the published values are from, whether they compare, and what is odd about them."""
    groups = by_origin(rows)
    if not groups:
        return ""
    parts = []
    for (setting, source, differs), group in groups.items():
        which = f" ({', '.join(row.title for row in group)})" if len(groups) > 1 else ""
        parts.append(f"{setting}, {source}{which}{f': {differs}' if differs else ''}")
    sentence = f"Published values: {'; '.join(parts)}.{_epochs_of(rows)}"
    notes = dict[str, list[str]]()
    for row in rows:
        if row.published_note and not row.published_differs:
            notes.setdefault(row.published_note, []).append(row.step)
    every = sum(map(len, groups.values()))
    general = [note for note, names in notes.items() if len(names) == every]
    single = [f"{', '.join(names)}: {note}" for note, names in notes.items() if note not in general]
    sentence += f" {'; '.join(general)}." if general else ""
    return sentence + (f" On single rows: {'; '.join(single)}." if single else "")


def _epochs_of(rows: Sequence[Row]) -> str:
    """Which published values are the best epoch on the validation images; empty where none is."""
    printed = [row for row in rows if row.published_source is not None]
    best = [row.title for row in printed if row.published_best_epoch]
    if not best:
        return ""
    which = f" ({', '.join(best)})" if len(best) < len(printed) else ""
    return f" They are the best epoch on the validation images{which}, ours is the last."
