"""Metrics of robustness as scalars in TensorBoard, beside those of the training.

They lie in the run's own folder, in a file of their own that is renewed as a whole: nothing is
there twice, and there is none for what was not measured.
"""

from datetime import datetime

from ablations.board.events import scalar, write_events
from ablations.compare.records import RunRecord, StudyRecord
from ablations.files.own_folders import own_folder
from ablations.robustness.metrics.corrupted import EFFECTIVE
from ablations.robustness.metrics.metric import Metric
from ablations.robustness.shown.measured import Measured, measured
from lit_models.training.metrics import EPOCHS

_FOLDER, _FILE = "tensorboard", "robustness"


def write_scalars(study: StudyRecord) -> int:
    """Write the metrics of every finished run, at the step of its last epoch; how many runs.

    What is relative to other networks, such as mCE, is no number of a run: reports have it. Raises
    ValueError when the folder of a run is a link.
    """
    found = measured(study)
    runs = {run.run_id: (point.label, run) for point in study.points for run in point.done}
    return sum(_write(label, run, found) for label, run in runs.values())


def _write(point: str, run: RunRecord, found: tuple[Measured, ...]) -> int:
    values = {
        f"{_FILE}/{of.title}/{metric.name}": metric.values[point][run.seed]
        for one in found
        for of in one.sets
        for metric in of.metrics
        if _is_of_a_run(metric) and run.seed in metric.values.get(point, {})
    }
    if not values or run.summary is None:
        return 0
    step, when = int(run.summary.get(EPOCHS, 0)), _last_written(point, run, found)
    events = [scalar(tag, value, step=step, wall_time=when) for tag, value in values.items()]
    write_events(own_folder(run.folder, _FOLDER), _FILE, events)
    return 1


def _is_of_a_run(metric: Metric) -> bool:
    return not metric.divided and metric.name != EFFECTIVE


def _last_written(point: str, run: RunRecord, found: tuple[Measured, ...]) -> float:
    """When the last answer of a run was stored, in seconds since 1970."""
    written = [
        entry.answer.written
        for one in found
        for kept in one.found.kept.values()
        for entry in kept.answers.get(point, {}).get(run.seed, ())
    ]
    return datetime.fromisoformat(max(written)).timestamp()
