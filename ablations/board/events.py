"""TensorBoard event files without torch: scalars, HParams, the layout of the custom scalars."""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.store.runs import write_bytes_atomic

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

# TensorBoard reads every file with "tfevents" in its name. Ours sort behind a run's own, which
# begin with a time: its slow loader never goes back to an earlier file.
_FILE = "events.out.tfevents.{name}.{count:06d}"
_COUNT = re.compile(r"\.(\d{6})$")
GENERATED = ("study", "hparams", "mean")  # the names of the files that are written into a board


def scalar(tag: str, value: float, *, step: int, wall_time: float) -> "Event":
    """One number of one tag; `wall_time` in seconds."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    number = Summary.Value(tag=tag, simple_value=value)
    return Event(step=step, wall_time=wall_time, summary=Summary(value=[number]))


def session(name: str, hparams: Mapping[str, Any], *, start: float, end: float) -> "list[Event]":
    """The HParams row of one finished run; times in seconds."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2

    ended = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=end)
    content = plugin_data_pb2.HParamsPluginData(session_end_info=ended)
    last = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(content),
        tensor=metadata.NULL_TENSOR,
    )
    first = summary_v2.hparams_pb(dict(hparams), trial_id=name, start_time_secs=start)
    return [
        Event(wall_time=start, summary=first),
        Event(wall_time=end, summary=Summary(value=[last])),
    ]


def columns(toggles: Sequence[str], others: Sequence[str], metrics: Sequence[str]) -> "Event":
    """The columns of the HParams table: one a toggle, the other parameters, the metrics."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams import summary_v2

    parameters = [summary_v2.HParam(name) for name in others]
    parameters += [summary_v2.HParam(name, summary_v2.Discrete([False, True])) for name in toggles]
    shown = [summary_v2.Metric(tag, display_name=tag) for tag in metrics]
    config = summary_v2.hparams_config_pb(hparams=parameters, metrics=shown, time_created_secs=0.0)
    return Event(summary=config)


def layout(categories: Mapping[str, Sequence[Any]]) -> "Event":
    """The custom scalars: the charts of `line_chart` and `band_chart` by the title above them."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata

    groups = [layout_pb2.Category(title=title, chart=c) for title, c in categories.items()]
    content = layout_pb2.Layout(category=groups).SerializeToString()
    value = Summary.Value(
        tag=metadata.CONFIG_SUMMARY_TAG,
        metadata=metadata.create_summary_metadata(),
        tensor=TensorProto(dtype=DT_STRING, string_val=[content]),
    )
    return Event(summary=Summary(value=[value]))


def line_chart(title: str, tag: str) -> Any:
    """A chart with one line a run that has the tag."""
    from tensorboard.plugins.custom_scalar import layout_pb2

    content = layout_pb2.MultilineChartContent(tag=[f"^{re.escape(tag)}$"])
    return layout_pb2.Chart(title=title, multiline=content)


def band_chart(title: str, *, value: str, lower: str, upper: str) -> Any:
    """A chart with a line and a band around it for each run that has the three tags."""
    from tensorboard.plugins.custom_scalar import layout_pb2

    series = layout_pb2.MarginChartContent.Series(value=value, lower=lower, upper=upper)
    return layout_pb2.Chart(title=title, margin=layout_pb2.MarginChartContent(series=[series]))


def is_generated(name: str) -> bool:
    """Whether a file's name is one that `write_events` gives in a study's folder."""
    return any(_is_of(kind, name) for kind in GENERATED)


def _is_of(name: str, file: str) -> bool:
    return (
        re.fullmatch(re.escape(_FILE.format(name=name, count=0))[:-6] + r"\d{6}", file) is not None
    )


def write_events(folder: Path, name: str, events: "Sequence[Event]") -> bool:
    """Make `events` the content of the folder's event file of a name; whether that was new.

    A changed file gets a new name, since TensorBoard does not read what it has read again; it
    drops what it has from the first step that comes a second time.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    records = RecordWriter(buffer)
    for event in (Event(file_version="brain.Event:2"), *events):
        records.write(event.SerializeToString(deterministic=True))
    old = sorted(path for path in folder.iterdir() if _is_of(name, path.name))
    if old and old[-1].read_bytes() == buffer.getvalue():
        return False
    found = _COUNT.search(old[-1].name) if old else None
    count = int(found.group(1)) + 1 if found else 0
    write_bytes_atomic(folder / _FILE.format(name=name, count=count), buffer.getvalue())
    for path in old:
        path.unlink(missing_ok=True)
    return True
