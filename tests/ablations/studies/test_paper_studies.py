"""The studies of the papers in experiments.yaml: complete, in two sizes, with printed recipes."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.planning.notes.starts import identity_branches, start_warnings
from ablations.planning.plan import make_plan
from ablations.studies.config import Experiments, Study, find_experiments
from ablations.studies.designs import made_of
from ablations.studies.designs.networks import Networks
from ablations.studies.designs.published import published_table
from ablations.studies.points import study_points
from ablations.studies.study_file import load_experiments
from lit_models import SPECS, ArchSpec, build, parse_step
from lit_models.families.reference import Network
from lit_models.space.spec import Init
from tests.support.distributions import norms

# Full size only: their small form needs another teacher, or nothing at all.
ALONE = {
    *("deit_distilled", "reference_transformers", "resnet50_reference", "resnet50_ffcv_16"),
    *("convmixer_768_32", "convnext_22k", "convnext_22k_to_1k", "convnext_22k_to_1k_384"),
    "convnext_384",
}
EPOCHS = {
    "resnet50_reference": 90,
    "resnet50_ffcv_16": 16,
    "convnext_22k": 90,
    **dict.fromkeys(("convnext_22k_to_1k", "convnext_22k_to_1k_384", "convnext_384"), 30),
}


@pytest.fixture(scope="module")
def experiments() -> Experiments:
    return load_experiments(find_experiments())


@pytest.fixture(scope="module")
def of_networks(experiments: Experiments) -> Mapping[str, Study]:
    return {n: s for n, s in experiments.studies.items() if not s.trajectory}


def test_every_study_has_a_small_one_beside_it(of_networks: Mapping[str, Study]) -> None:
    full = {name for name in of_networks if not name.endswith("_nano")}
    small = {name.removesuffix("_nano") for name in of_networks if name.endswith("_nano")}
    assert small == full - ALONE
    for name, study in of_networks.items():
        networks = {point.network or "" for point in study_points(study)}
        if name.endswith("_nano"):
            assert all(n.startswith(("nano_", "timm/test_")) for n in networks), name
            assert study.data.image_size == 32
        else:
            assert not any(n.startswith("nano_") for n in networks), name
            assert study.data.name == ("imagenet22k" if name == "convnext_22k" else "imagenet")
            assert study.recipe.epochs >= EPOCHS.get(name, 120)


def test_every_study_has_a_plan_of_different_networks(of_networks: Mapping[str, Study]) -> None:
    for name, study in of_networks.items():
        plan = make_plan(study)
        assert len(plan.unique()) == len(plan.rows) == len(study_points(study)), name
        assert study.description.endswith(".")


CONFOUNDED = """
studies:
  mine:
    points:
      kind: networks
      networks:
        plain: [nano_resnet]
        moved: [nano_resnet, norms=spatial]
        last: [nano_resnet, norms=pointwise_out]
        few: [nano_resnet, fewer_norms]
    data: {name: digits, image_size: 32}
"""


def _start(network: Network) -> tuple[Init, int] | None:
    """Rule of the initial values, and how many of its distinct branches start at 0 by it."""
    if not isinstance(network, ArchSpec):
        return None
    return network.init, sum(identity_branches(network))


def test_no_point_of_a_study_starts_otherwise_than_what_it_is_compared_with(
    of_networks: Mapping[str, Study],
) -> None:
    """A norm at another place must not also be a branch that starts at the identity or does not."""
    compared = 0
    for name, study in of_networks.items():
        networks = make_plan(study).networks
        points = study_points(study)
        for point in points:
            reference = Networks().reference(point, points)
            if point.steps and reference is not None:
                start = _start(networks[point.label])
                assert start == _start(networks[reference.label]), (name, point.label)
                compared += 1
        if name.startswith("robust_resnet_") and "distilled" not in name:
            found = {_start(network) for network in networks.values()}
            assert found == {(Init("fan_out"), 0)}, name
    assert compared > 100


@pytest.mark.parametrize("place", ["pointwise_in", "spatial", "pointwise_out"])
def test_norms_of_the_baselines_start_at_one_wherever_they_are(place: str) -> None:
    spec = parse_step(f"norms={place}").apply(SPECS["nano_resnet_inverted_dw"])
    model = build(spec, num_classes=3, seed=0)
    factors = [model.get_parameter(f"{name}.weight") for name, _ in norms(model)]
    assert factors
    assert all(torch.equal(factor, torch.ones_like(factor)) for factor in factors)


def test_a_norm_that_takes_the_start_at_zero_with_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "experiments.yaml").write_text(CONFOUNDED)
    plan = make_plan(load_experiments(tmp_path / "experiments.yaml").studies["mine"])
    found = start_warnings(plan)
    assert set(found) == {"01_moved", "03_few"}
    assert "branches of 01_moved do not start at 0 and those of 00_plain do" in found["01_moved"]
    # what the built networks really do
    for point, network in plan.networks.items():
        model = build(network, num_classes=3, seed=0)
        zeros = [name for name, p in model.named_parameters() if "norm.w" in name and not p.any()]
        assert isinstance(network, ArchSpec)
        assert bool(zeros) == any(identity_branches(network)) == (point not in found), point


def test_published_rows_are_of_the_networks_that_have_their_names(
    of_networks: Mapping[str, Study],
) -> None:
    shown: dict[str, set[str]] = {}
    for name, study in of_networks.items():
        if study.published is None:
            continue
        rows = published_table(study.published).rows
        named = {point.step: made_of(point) for point in study_points(study)}
        found = set(rows) & set(named)
        assert found, name
        shown.setdefault(study.published, set()).update(found)
        if not name.endswith("_nano"):
            assert {label: rows[label].network for label in found} == {
                label: named[label] for label in found
            }
    beside = {"Swin-T", "Swin-S", "Swin-B", "ViT-S", "ViT-B", "ViT-L", "RepLKNet-XL"}
    for key, labels in shown.items():
        assert set(published_table(key).rows) - labels <= beside, key


# Fine-tuning of ConvNeXt-B (arXiv 2201.03545, Table 6)
TUNED: Mapping[str, Any] = {
    "epochs": 30,
    "batch_size": 512,
    "lr": 5e-5,
    "min_lr": 1e-6,
    "weight_decay": 1e-8,
    "warmup_epochs": 0,
    "layer_decay": 0.8,
    "layer_decay_groups": "convnext",
    "head_init_scale": 0.001,
    "drop_path_rate": 0.2,
    "mixup": 0.0,
    "cutmix": 0.0,
    "label_smoothing": 0.1,
    "random_erasing": 0.25,
    "ema_decay": None,
}

# As the papers and their code print them; the file names the source of each.
PRINTED: Mapping[str, Mapping[str, Any]] = {
    "robust_resnets": {
        "epochs": 300,
        "batch_size": 1024,
        "optimizer": "adamw",
        "lr": 1e-3,
        "eps": 1e-8,
        "weight_decay": 0.05,
        "warmup_epochs": 5,
        "warmup_lr": 1e-6,
        "min_lr": 1e-5,
        "mixup": 0.8,
        "cutmix": 1.0,
        "label_smoothing": 0.1,
        "drop_path_rate": 0.1,
        "ema_decay": None,
        "repeats": 3,
        "random_erasing": 0.25,
        "schedule": "cosine",
        "schedule_by": "epoch",
        "warmup_prefix": False,
    },
    "spach_structures": {
        "epochs": 300,
        "batch_size": 1024,
        "lr": 1e-3,
        "weight_decay": 0.05,
        "warmup_epochs": 20,
        "ema_decay": 0.99996,
        "decay_layer_scale": True,
        "precision": "16-mixed",
        "schedule_by": "epoch",
        "warmup_prefix": False,
        "drop_path_rate": 0.1,
        "repeats": 3,
        "warmup_lr": 1e-6,
        "min_lr": 1e-5,
        "mixup": 0.8,
        "cutmix": 1.0,
    },
    "convmixer": {
        "epochs": 150,
        "batch_size": 640,
        "lr": 0.01,
        "eps": 1e-3,
        "weight_decay": 2e-5,
        "gradient_clip": 1.0,
        "mixup": 0.5,
        "cutmix": 0.5,
        "warmup_epochs": 0,
        "repeats": 1,
        "random_erasing": 0.25,
        "label_smoothing": 0.1,
        "schedule": "piecewise",
    },
    "convmixer_768_32": {"epochs": 300, "batch_size": 640, "lr": 0.01, "schedule": "piecewise"},
    "replknet": {
        "epochs": 300,
        "sync_batch_norm": True,
        "batch_size": 2048,
        "lr": 4e-3,
        "weight_decay": 0.05,
        "warmup_epochs": 10,
        "ema_decay": 0.9999,
        "drop_path_rate": None,
        "repeats": 1,
    },
    "convnext_tiny_kernels": {"epochs": 120, "batch_size": 4096, "lr": 4e-3, "ema_decay": None},
    "convnext_variants": {"epochs": 300, "batch_size": 4096, "ema_decay": 0.9999},
    "convnext_22k": {
        "epochs": 90,
        "batch_size": 4096,
        "lr": 4e-3,
        "weight_decay": 0.05,
        "warmup_epochs": 5,
        "mixup": 0.8,
        "cutmix": 1.0,
        "drop_path_rate": None,
        "ema_decay": None,
    },
    "convnext_22k_to_1k": TUNED,
    "convnext_22k_to_1k_384": TUNED,
    "convnext_384": {**TUNED, "layer_decay": 0.7, "drop_path_rate": 0.8, "head_init_scale": 1.0},
    "convnext_isotropic": {"epochs": 300, "warmup_epochs": 50, "ema_decay": 0.9999},
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_recipe_is_the_printed_one(name: str, of_networks: Mapping[str, Study]) -> None:
    recipe = asdict(of_networks[name].recipe)
    recipe |= recipe["augment"]
    assert {key: recipe[key] for key in PRINTED[name]} == PRINTED[name]
    assert recipe["rand_augment"] == "rand-m9-mstd0.5-inc1"


def test_convmixers_schedule_and_crop(of_networks: Mapping[str, Study]) -> None:
    study = of_networks["convmixer"]
    assert study.recipe.lr_knots == [(0.0, 0.0), (0.4, 1.0), (0.8, 1 / 20), (1.0, 0.0)]
    assert study.data.crop_ratio == 0.96


def test_students_have_the_other_kind_of_network_as_their_teacher(
    of_networks: Mapping[str, Study],
) -> None:
    teachers = {name: of_networks[name].recipe.teacher for name in of_networks}
    assert teachers["robust_resnet_distilled"] == "timm/deit_small_patch16_224"
    assert teachers["deit_distilled"] == "timm/resnet50"
    assert {t for n, t in teachers.items() if "distilled" not in n} == {None}


def test_stochastic_depth_of_pretraining_is_that_of_each_network(
    of_networks: Mapping[str, Study],
) -> None:
    networks = make_plan(of_networks["convnext_22k"]).networks.values()
    assert [network.drop_path_rate for network in networks] == [0.0, 0.0, 0.1, 0.1, 0.2]
    for name in ("convnext_22k_to_1k_384", "convnext_384"):
        assert (of_networks[name].data.image_size, of_networks[name].data.crop_ratio) == (384, 1.0)
