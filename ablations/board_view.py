"""What TensorBoard shows of a study besides the runs' scalars: means over seeds, HParams, charts.

07_kernel_size/seed0    the run's own events, and its HParams once it is finished
07_kernel_size/mean     mean/val/top1, lower/val/top1, upper/val/top1, ... by epoch
.                       the columns of the HParams table and the custom-scalars charts
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ablations.board_events import band_chart, columns, layout, line_chart, scalar, session
from ablations.report.records import Point, Run, Study
from ablations.statistics import sample
from lit_models.metrics import (
    EPOCH,
    EPOCHS,
    GMACS,
    IMAGES_PER_S,
    PARAMS,
    SECONDS,
    TEST_EMA_TOP1,
    TEST_LOSS,
    TEST_TOP1,
    TRAIN_LOSS,
    TRAIN_SECONDS,
    VAL_LOSS,
    VAL_SECONDS,
    VAL_TOP1,
)

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

FINAL = (TEST_TOP1, TEST_EMA_TOP1, TEST_LOSS, PARAMS, GMACS, IMAGES_PER_S, TRAIN_SECONDS)
MEAN, LOWER, UPPER = "mean", "lower", "upper"
CHARTS: Mapping[str, str] = {
    VAL_TOP1: "validation top-1 (%)",
    VAL_LOSS: "validation loss",
    TRAIN_LOSS: "training loss",
}


def run_events(study: Study, run: Run) -> "list[Event]":
    """HParams and final metrics of a finished run; nothing before."""
    if not run.done or run.summary is None:
        return []
    hparams: dict[str, Any] = {"point": run.point, "seed": run.seed}
    hparams |= {toggle: toggle in run.steps for toggle in toggles(study)}
    step, end = int(run.summary.get(EPOCHS, 0)), float(run.summary.get(TRAIN_SECONDS, 0.0))
    finals = [
        scalar(name, float(run.summary[name]), step=step, wall_time=end)
        for name in FINAL
        if name in run.summary
    ]
    return [*session(f"{run.point}/seed{run.seed}", hparams, start=0.0, end=end), *finals]


def mean_events(point: Point) -> "list[Event]":
    """Mean over the seeds that have an epoch, and mean ± one standard deviation with two or more.

    A run that failed does not count. Wall time is the mean training and validation time so far, so
    that TensorBoard's relative time axis has a meaning.
    """
    curves = [{int(row[EPOCH]): row for row in run.metrics} for run in _counted(point)]
    events, seconds = [], 0.0
    for epoch in sorted(set().union(*curves)):
        rows = [curve[epoch] for curve in curves if epoch in curve]
        seconds += sum(row.get(SECONDS, 0.0) + row.get(VAL_SECONDS, 0.0) for row in rows) / len(
            rows
        )
        for name in (name for name in rows[0] if "/" in name):
            summary = sample([row[name] for row in rows if name in row])
            events += [
                scalar(f"{kind}/{name}", value, step=epoch, wall_time=seconds)
                for kind, value in _band(summary.mean, summary.std).items()
            ]
    return events


def study_events(study: Study) -> "list[Event]":
    """The HParams columns and the custom-scalars layout."""
    known = {name for run in study.runs if run.summary for name in run.summary}
    metrics = [name for name in FINAL if name in known]
    charts = []
    for name, words in CHARTS.items():
        tags = {kind: f"{kind}/{name}" for kind in (LOWER, UPPER)}
        charts.append(line_chart(f"{words}: mean over seeds", f"{MEAN}/{name}"))
        charts.append(
            band_chart(f"{words}: mean and ± 1 std over seeds", value=f"{MEAN}/{name}", **tags)
        )
    return [
        columns(toggles(study), ("point", "seed"), metrics or [TEST_TOP1]),
        layout(study.name, charts),
    ]


def toggles(study: Study) -> tuple[str, ...]:
    """Every step that some point of the study has, in the trajectory's order."""
    used = {step for point in study.points for step in point.steps}
    return tuple(name for name in study.trajectory.by_name if name in used)


def _counted(point: Point) -> list[Run]:
    return [run for run in point.runs if run.metrics and run.state != "failed"]


def _band(mean: float | None, std: float | None) -> dict[str, float]:
    if mean is None:
        return {}
    return {MEAN: mean} if std is None else {MEAN: mean, LOWER: mean - std, UPPER: mean + std}
