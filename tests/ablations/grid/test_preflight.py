"""What would go wrong later is found before the first run."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.commands.bench import grid as bench
from ablations.commands.bench.grid import GridCost
from ablations.grid.executor import fork_server
from ablations.grid.preflight import (
    check_data_is_there,
    check_single_images,
    check_writable,
    visible_gpus,
)
from ablations.planning.cost import Setting
from datamodules.catalog.resolved import resolve
from datamodules.config.data import DataConfig
from lit_models import SPECS


def test_a_runs_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "runs")

    assert list((tmp_path / "a" / "runs").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_runs_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(ValueError, match="cannot be written"):
        check_writable(tmp_path)


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=5 * 2**20))
    with pytest.raises(ValueError, match="has 5 MB left"):
        check_writable(tmp_path)


def test_absent_data_is_an_error_only_where_nothing_can_fetch_it(tmp_path: Path) -> None:
    imagenet = DataConfig(name="imagenet", root=str(tmp_path))
    with pytest.raises(ValueError, match="imagenet"):
        check_data_is_there(resolve(imagenet))

    cifar = DataConfig(name="cifar10", root=str(tmp_path))
    check_data_is_there(resolve(cifar))
    with pytest.raises(ValueError, match=str(tmp_path)):
        check_data_is_there(resolve(replace(cifar, download=False)))
    check_data_is_there(resolve(DataConfig(name="digits")))


def test_chosen_gpus_are_the_only_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-a")

    assert visible_gpus() == ("3", "GPU-a")


def test_the_server_asks_nvml_and_not_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "")
    monkeypatch.delenv("PYTORCH_NVML_BASED_CUDA_CHECK")
    fork_server(preload=())

    assert os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] == "1"


def test_the_cost_of_a_grid() -> None:
    cost = GridCost(runs=10, workers=2, wall=30.0, start_up=5.0, training=40.0)

    assert cost.ratio == pytest.approx(0.75)
    assert cost.fixed == pytest.approx((25 * 2 - 40) / 10)


def test_the_bench_study_is_a_whole_trajectory() -> None:
    from ablations.planning.plan import make_plan

    assert len(make_plan(bench._STUDY).unique()) == 13


def test_one_image_a_device_needs_maps_or_no_batch_norm() -> None:
    networks = {name: SPECS[name] for name in ("nano_resnet", "nano_convnext")}
    check_single_images(networks, Setting(32, 10, 3))
    with pytest.raises(ValueError, match=r"point nano_resnet cannot .*batch_size_per_device"):
        check_single_images(networks, Setting(8, 10, 3))
    check_single_images({"nano_convnext": SPECS["nano_convnext"]}, Setting(8, 10, 3))
