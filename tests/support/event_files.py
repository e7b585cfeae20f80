"""Event files read with TensorBoard's own reader."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def by_step(found: EventAccumulator, tag: str) -> dict[int, float]:
    return {event.step: event.value for event in found.Scalars(tag)}
