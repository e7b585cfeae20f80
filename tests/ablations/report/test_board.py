"""TensorBoard's folder, read back with TensorBoard's own reader."""

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.hparams import metadata as hparams_metadata

from ablations.board import server
from lit_models import TRAJECTORIES
from tests.support.event_files import by_step, read
from tests.support.fabricate import Made, cumulative, fabricate_study, made_up_top1

NANO = TRAJECTORIES["convnext_nano"]
SHORT: list[Made] = cumulative(NANO, alternatives=False)[:3]


def plugin_content(found: EventAccumulator, tag: str) -> bytes:
    content = found.SummaryMetadata(tag).plugin_data.content
    assert isinstance(content, bytes)
    return content


def test_the_list_of_runs_reads_like_the_trajectory(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    folder = server.refresh("made_up", runs_root=tmp_path)
    assert folder == tmp_path / "studies" / "made_up" / "tensorboard"
    points = [path.name for path in sorted(folder.iterdir()) if path.is_dir()]
    assert points == [label for label, _, _ in cumulative(NANO)]
    for point in points:
        runs = sorted(path.name for path in (folder / point).iterdir())
        assert runs == ["mean", "seed0", "seed1", "seed2"]


def test_a_run_shows_the_scalars_of_its_own_folder(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, epochs=3)
    found = read(server.refresh("made_up", runs_root=tmp_path) / "01_stage_ratio" / "seed2")
    expected = {epoch: made_up_top1(1, 2) * epoch / 3 for epoch in (1, 2, 3)}
    assert by_step(found, "val/top1") == pytest.approx(expected, rel=1e-6)


def test_hparams_have_a_column_for_every_toggle_and_the_final_metrics(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, ema=True)
    folder = server.refresh("made_up", runs_root=tmp_path)
    content = plugin_content(read(folder), hparams_metadata.EXPERIMENT_TAG)
    experiment = hparams_metadata.parse_experiment_plugin_data(content)
    names = [info.name for info in experiment.hparam_infos]
    assert names == ["point", "seed", "params", "gmacs", "01_stage_ratio", "02_patchify_stem"]
    metrics = [info.name.tag for info in experiment.metric_infos]
    assert metrics == [
        *("test/top1", "test_ema/top1", "test/loss"),
        *("run/images_per_s", "run/train_seconds"),
    ]
    found = read(folder / "01_stage_ratio" / "seed2")
    start = hparams_metadata.parse_session_start_info_plugin_data(
        plugin_content(found, hparams_metadata.SESSION_START_INFO_TAG)
    )
    values = {name: _plain(value) for name, value in start.hparams.items()}
    assert values == {
        "point": "01_stage_ratio",
        "seed": 2,
        "params": 1001,
        "gmacs": 0.002,
        "01_stage_ratio": True,
        "02_patchify_stem": False,
    }
    assert by_step(found, "test/top1") == pytest.approx({4: made_up_top1(1, 2)})
    assert not [tag for tag in found.Tags()["scalars"] if "hp_metric" in tag]


def test_columns_sort_like_the_trajectory(tmp_path: Path) -> None:
    fabricate_study(tmp_path, seeds=[0])
    found = read(server.refresh("made_up", runs_root=tmp_path))
    content = plugin_content(found, hparams_metadata.EXPERIMENT_TAG)
    infos = hparams_metadata.parse_experiment_plugin_data(content).hparam_infos
    toggles = [info.name for info in infos if info.name[0].isdigit()]
    assert toggles == [label for label, _, _ in cumulative(NANO)[1:]]
    assert toggles == sorted(toggles)


def test_an_unfinished_run_has_no_hparams(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, states={("00_start", 0): "interrupted"})
    folder = server.refresh("made_up", runs_root=tmp_path)
    assert read(folder / "00_start" / "seed0").Tags()["tensors"] == []
    assert read(folder / "00_start" / "seed1").Tags()["tensors"] != []


def test_mean_and_band_are_those_of_the_seeds(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, epochs=2)
    found = read(server.refresh("made_up", runs_root=tmp_path) / "01_stage_ratio" / "mean")
    # 50.5, 50.4, 50.3 after the last epoch, half of it after the first.
    assert by_step(found, "mean/val/top1") == pytest.approx({1: 25.2, 2: 50.4}, rel=1e-6)
    assert by_step(found, "mean_lower/val/top1")[2] == pytest.approx(50.3, rel=1e-6)
    assert by_step(found, "mean_upper/val/top1")[2] == pytest.approx(50.5, rel=1e-6)


def test_one_seed_has_a_mean_and_no_band(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, seeds=[5])
    found = read(server.refresh("made_up", runs_root=tmp_path) / "00_start" / "mean")
    tags = found.Tags()["scalars"]
    assert "mean/val/top1" in tags
    assert not [tag for tag in tags if tag.startswith(("mean_lower", "mean_upper"))]


def test_while_a_seed_is_behind_mean_and_band_have_the_same_epochs(tmp_path: Path) -> None:
    # TensorBoard refuses to draw a band whose steps are not those of its line.
    states = {("00_start", 1): "new", ("00_start", 2): "interrupted"}
    fabricate_study(tmp_path, points=SHORT, states=states, epochs=4)
    found = read(server.refresh("made_up", runs_root=tmp_path) / "00_start" / "mean")
    tags = [f"{kind}/val/top1" for kind in ("mean", "mean_lower", "mean_upper")]
    assert [list(by_step(found, tag)) for tag in tags] == [[1, 2]] * 3


def test_a_failed_run_does_not_pull_the_mean(tmp_path: Path) -> None:
    states = {("00_start", 2): "failed"}
    fabricate_study(tmp_path, points=SHORT, states=states, epochs=2)
    found = read(server.refresh("made_up", runs_root=tmp_path) / "00_start" / "mean")
    assert by_step(found, "mean/val/top1")[1] == pytest.approx((25.0 + 25.05) / 2, rel=1e-6)


def test_the_layout_overlays_the_steps_and_shows_bands(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT)
    folder = server.refresh("made_up", runs_root=tmp_path)
    found = read(folder)
    (event,) = found.Tensors(layout_metadata.CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    lines, bands = layout.category
    assert lines.chart[0].multiline.tag == ["^mean/val/top1$"]
    (series,) = bands.chart[-1].margin.series  # TensorBoard shows the last one first
    written = read(folder / "00_start" / "mean").Tags()["scalars"]
    assert {series.value, series.lower, series.upper} <= set(written)
    assert (series.value, series.lower) == ("mean/val/top1", "mean_lower/val/top1")


def _plain(value: Any) -> Any:
    return getattr(value, value.WhichOneof("kind"))
