"""Knowledge distillation: DeiT's losses, a teacher that is asked and never trained, errors."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import timm
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ablations.run.checkpoint import read_checkpoint
from ablations.run.recorder import CHECKPOINT
from ablations.run.run_config import read_run_config
from ablations.run.train import train_run
from ablations.store.runs import RunFolder
from ablations.studies.study_file import read_source, resolve_study
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.config.info import IMAGENET_MEAN, IMAGENET_STD
from lit_models import LitClassifier, TrainingConfig, build, to_dict
from lit_models.families.reference import TimmModel
from lit_models.recipe.plain import training_config
from lit_models.training.distillation import check_teacher, distillation_loss, load_teacher
from lit_models.weights.checkpoints import load_network
from tests.ablations.run.test_ddp import TWO, train_on
from tests.support.run_folders import (
    CONVNEXT,
    NO_BATCH_NORM,
    RECIPES,
    RESNET,
    make_run,
    results,
    same,
)

STUDENT = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TEACHER = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
CLASSES = torch.tensor([0, 1, 2, 3, 4, 0])
IMAGES = torch.randn(24, 1, 8, 8, generator=torch.Generator().manual_seed(2))
LABELS = torch.arange(24) % 10
RESNET_TEACHER = build(RESNET, num_classes=10, in_chans=1)
EXPECTED: dict[str, Any] = {"num_classes": 10, "in_chans": 1, "mean": (0.3093,), "std": (0.3502,)}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run with averaged weights: a teacher."""
    folder = make_run(tmp_path_factory.mktemp("teacher") / "run", RECIPES["ema"], spec=CONVNEXT)
    train_run(folder)
    return folder


def softmax(logits: torch.Tensor) -> torch.Tensor:
    powers = (logits - logits.max(1, keepdim=True).values).exp()
    return powers / powers.sum(1, keepdim=True)


def cross_entropy(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    return -torch.stack([softmax(logits)[i, k].log() for i, k in enumerate(classes)]).mean()


def classifier(teacher: Path, **changes: Any) -> LitClassifier:
    config = TrainingConfig(epochs=1, batch_size=8, lr=1e-2, teacher=str(teacher), **changes)
    return LitClassifier(to_dict(RESNET), asdict(config), num_classes=10, in_chans=1, seed=0)


def fit(module: LitClassifier, **options: Any) -> pl.Trainer:
    trainer = pl.Trainer(
        accelerator=options.pop("accelerator", "cpu"),
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )
    trainer.fit(module, DataLoader(TensorDataset(IMAGES, LABELS), batch_size=8))
    return trainer


# The losses


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0])
def test_hard_distillation_is_cross_entropy_to_the_teachers_class(alpha: float) -> None:
    own = cross_entropy(STUDENT, CLASSES)
    found = distillation_loss(own, STUDENT, TEACHER, kind="hard", alpha=alpha)
    expected = (1 - alpha) * own + alpha * cross_entropy(STUDENT, TEACHER.argmax(1))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_distillation_is_the_tempered_divergence_from_the_teacher(temperature: float) -> None:
    own = cross_entropy(STUDENT, CLASSES)
    found = distillation_loss(
        own, STUDENT, TEACHER, kind="soft", alpha=0.3, temperature=temperature
    )
    q, p = softmax(STUDENT / temperature), softmax(TEACHER / temperature)
    divergence = (p * (p.log() - q.log())).sum() / len(p)
    expected = 0.7 * own + 0.3 * temperature**2 * divergence
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_a_student_that_agrees_with_its_teacher_has_no_soft_loss() -> None:
    own = cross_entropy(STUDENT, CLASSES)
    shifted = STUDENT + 7  # the same probabilities
    found = distillation_loss(own, STUDENT, shifted, kind="soft", alpha=1.0, temperature=2.0)
    assert found.item() == pytest.approx(0, abs=1e-12)


def test_half_precision_logits_are_compared_in_float32() -> None:
    own = torch.zeros((), dtype=torch.float32)
    student, teacher = STUDENT.bfloat16(), TEACHER.bfloat16()
    found = distillation_loss(own, student, teacher, kind="soft", alpha=1.0, temperature=2.0)
    exact = distillation_loss(
        own.double(), student.double(), teacher.double(), kind="soft", alpha=1.0, temperature=2.0
    )
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=0)


# The teacher beside a student


def test_a_training_step_is_the_formula_on_the_mixed_images(taught: Path) -> None:
    soft = {"distillation": "soft", "distillation_alpha": 0.4, "distillation_temperature": 2.0}
    module = classifier(taught, mixup=0.8, label_smoothing=0.1, drop_path_rate=0.0, **soft)
    module.setup("fit")
    assert module.teacher is not None
    seen = {}
    for name, network in (("student", module.backbone), ("teacher", module.teacher.network)):

        def keep(_m: Any, inputs: Any, out: Any, name: str = name) -> None:
            seen[name] = (inputs[0], out)

        network.register_forward_hook(keep)
    module.eval()  # no batch statistics, so that logits can be had again
    mixed, targets = module.mix(IMAGES[:8], LABELS[:8])
    module.mix = lambda *_: (mixed, targets)
    loss = module.training_step((IMAGES[:8], LABELS[:8]), 0)
    with torch.no_grad():
        own = -(targets * softmax(module.backbone(mixed)).log()).sum(1).mean()
        teacher = load_network(taught / CHECKPOINT).eval()(mixed)
        q, p = softmax(module.backbone(mixed) / 2), softmax(teacher / 2)
    expected = 0.6 * own + 0.4 * 4 * (p * (p.log() - q.log())).sum(1).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(seen["student"][0], mixed)
    assert torch.equal(seen["teacher"][0], mixed)
    assert not torch.equal(mixed, IMAGES[:8])


def test_gradients_reach_the_student_only_and_the_teacher_never_changes(taught: Path) -> None:
    module = classifier(taught, distillation_alpha=1.0, drop_path_rate=0.0)
    module.setup("fit")
    module.train()
    assert module.teacher is not None
    network = module.teacher.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    module.training_step((IMAGES[:8], LABELS[:8]), 0).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.backbone.parameters())
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
    assert not any(part.training for part in network.modules())  # in evaluation, whatever happens
    assert same(dict(network.state_dict()), before)


def test_nothing_of_the_teacher_is_in_the_student(taught: Path) -> None:
    plain = LitClassifier(
        to_dict(RESNET),
        asdict(TrainingConfig(epochs=1, batch_size=8, ema_decay=0.9)),
        num_classes=10,
        in_chans=1,
        seed=0,
    )
    module = classifier(taught, ema_decay=0.9)
    seen: list[Any] = []

    def look(batch: Any, batch_idx: int) -> torch.Tensor:
        seen.append((module.state_dict().keys(), [*module.modules()], module.optimizers()))
        return LitClassifier.training_step(module, batch, batch_idx)

    module.training_step = look  # type: ignore[method-assign]
    fit(module, max_steps=1)
    keys, modules, optimizer = seen[0]
    assert keys == plain.state_dict().keys()
    assert len(modules) == len([*plain.modules()])
    owned = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(owned) == len([*module.backbone.parameters()])
    assert module.teacher is None  # its memory is free when training is over


@pytest.mark.parametrize(
    "changes", [{"channels_last": True}, {"ema_decay": 0.9}, {"precision": "bf16-mixed"}]
)
def test_it_trains_with_every_layout_and_precision(taught: Path, changes: dict[str, Any]) -> None:
    module = classifier(taught, **changes)
    fit(module, precision=changes.get("precision", "32-true"))
    assert all(value.isfinite().all() for value in module.state_dict().values())


def test_a_recipe_that_compiles_compiles_both(
    taught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def spy(function: Any, **_: Any) -> Any:
        compiled.append(function.__self__)
        return function

    monkeypatch.setattr(torch, "compile", spy)  # the real one takes a minute on a CPU
    module = classifier(taught, compile=True)
    module.setup("fit")
    assert module.teacher is not None
    assert compiled == [module.backbone, module.teacher.network]


def test_the_teacher_follows_the_student_to_its_precision(taught: Path) -> None:
    module = classifier(taught)
    kinds = []

    def look(batch: Any, batch_idx: int) -> torch.Tensor:
        assert module.teacher is not None
        kinds.append({p.dtype for p in module.teacher.network.parameters()})
        return LitClassifier.training_step(module, batch, batch_idx)

    module.training_step = look  # type: ignore[method-assign]
    fit(module, precision="64-true")
    assert kinds[0] == {torch.float64}


@pytest.mark.cuda
def test_the_teacher_follows_the_student_to_the_gpu(taught: Path) -> None:
    module = classifier(taught, channels_last=True)
    places = []

    def look(batch: Any, batch_idx: int) -> torch.Tensor:
        assert module.teacher is not None
        places.append({p.device.type for p in module.teacher.network.parameters()})
        return LitClassifier.training_step(module, batch, batch_idx)

    module.training_step = look  # type: ignore[method-assign]
    fit(module, accelerator="gpu", devices=1, precision="bf16-mixed")
    assert places[0] == {"cuda"}
    assert all(value.isfinite().all() for value in module.state_dict().values())


def test_the_averaged_weights_of_a_teacher_are_others(taught: Path) -> None:
    content = read_checkpoint(taught / CHECKPOINT)["state_dict"]
    for ema, prefix in ((False, "backbone."), (True, "ema.module.")):
        config = TrainingConfig(teacher=str(taught), teacher_ema=ema)
        teacher = load_teacher(config, num_classes=10, in_chans=1)
        assert teacher is not None
        weight = teacher.network.get_parameter("head.fc.weight")
        assert torch.equal(weight, content[prefix + "head.fc.weight"])


# Runs


def test_a_run_learns_from_another_runs_checkpoint_and_resumes_bit_identically(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPES["mixup_cutmix"], teacher=str(taught), distillation_alpha=0.9)
    train_run(make_run(tmp_path / "whole", recipe))
    plain = replace(recipe, teacher=None, distillation_alpha=0.5)
    train_run(make_run(tmp_path / "alone", plain))
    with monkeypatch.context() as patch:
        patch.setattr(
            "lit_models.training.classifier.LitClassifier.on_train_epoch_start", _stop_in_two
        )
        with pytest.raises(MemoryError):
            train_run(make_run(tmp_path / "cut", recipe))
    train_run(tmp_path / "cut")
    assert same(results(tmp_path / "cut"), results(tmp_path / "whole"))
    assert not same(results(tmp_path / "alone")["weights"], results(tmp_path / "whole")["weights"])
    keys = results(tmp_path / "alone")["weights"].keys()
    assert results(tmp_path / "whole")["weights"].keys() == keys


def _stop_in_two(module: LitClassifier) -> None:
    if module.current_epoch == 2:
        raise MemoryError("stopped here")


def test_two_processes_listen_to_one_teacher(taught: Path, tmp_path: Path) -> None:
    soft: dict[str, Any] = {"distillation_alpha": 0.9, "distillation_temperature": 2.0}
    plain = replace(RECIPES["plain"], batch_size_per_device=6)
    recipe = replace(plain, teacher=str(taught), distillation="soft", **soft)
    train_run(make_run(tmp_path / "one", recipe, spec=NO_BATCH_NORM))
    train_on(2, make_run(tmp_path / "two", recipe, spec=NO_BATCH_NORM, hardware=TWO))
    one, two = (results(tmp_path / name)["weights"] for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_a_student_is_evaluated_without_its_teacher(taught: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", replace(RECIPES["plain"], teacher=str(taught)))
    train_run(folder)
    values = read_checkpoint(folder / CHECKPOINT)["hyper_parameters"]
    gone = {**values["training"], "teacher": str(tmp_path / "gone")}
    module = LitClassifier(**{**values, "training": gone})
    assert module(IMAGES).shape == (24, 10)
    assert load_network(folder / CHECKPOINT)(IMAGES).shape == (24, 10)


def test_a_teacher_that_was_trained_on_is_refused(taught: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPES["plain"], teacher=str(taught))
    folder = make_run(tmp_path / "run", recipe, weights={"teacher": "0" * 64})
    with pytest.raises(ValueError, match=r"config\.json: .*recipe\.teacher.*other content"):
        read_run_config(RunFolder(folder))


# What does not fit


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"distillation": "soft"}, r"recipe\.distillation is 'soft'.*without a teacher"),
        ({"distillation_alpha": 0.9}, r"recipe\.distillation_alpha.*without a teacher"),
        ({"distillation_temperature": 2.0}, r"distillation_temperature.*without a teacher"),
        ({"teacher_ema": True}, r"recipe\.teacher_ema.*without a teacher"),
        ({"teacher": "t", "distillation": "firm"}, r"'firm'. Valid: hard, soft"),
        ({"teacher": "t", "distillation_alpha": 0.0}, r"distillation_alpha is 0\.0"),
        ({"teacher": "t", "distillation_alpha": 1.1}, r"distillation_alpha is 1\.1"),
        ({"teacher": "t", "distillation_temperature": 2.0}, r"no meaning for .*=hard"),
        (
            {"teacher": "t", "distillation": "soft", "distillation_temperature": 0.0},
            r"distillation_temperature is 0\.0.*above 0",
        ),
        ({"teacher": "timm/resnet18", "teacher_ema": True}, r"teacher_ema.*one set of weights"),
    ],
)
def test_options_that_mean_nothing_are_refused(values: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        training_config(values)


def test_a_study_says_where_such_an_option_was_written() -> None:
    source = read_source()
    with pytest.raises(ValueError, match=r"command line.*distillation_alpha.*without a teacher"):
        resolve_study(source, "convnext_nano", ["recipe.distillation_alpha=0.9"])
    with pytest.raises(ValueError, match=r"command line.*'Hard'.*hard"):
        resolve_study(source, "convnext_nano", ["recipe.distillation=Hard"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_classes": 7}, "has 10 classes and the data 7"),
        ({"in_chans": 3}, "has 1 image channels and the data 3"),
        ({"sides": [8, 16]}, None),
        ({"sides": [8, 2]}, "cannot see images of 2 px"),
    ],
)
def test_a_teacher_has_to_fit(taught: Path, changes: dict[str, Any], words: str | None) -> None:
    config, given = TrainingConfig(teacher=str(taught)), {**EXPECTED, "sides": [8], **changes}
    if words is None:
        check_teacher(config, **given)
        return
    with pytest.raises(ValueError, match=rf"recipe\.teacher=.*{words}"):
        check_teacher(config, **given)


def test_a_checkpoint_without_an_average_has_no_averaged_teacher(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", replace(RECIPES["plain"], epochs=1))
    train_run(folder)
    with pytest.raises(ValueError, match="no averaged weights: its recipe has no ema_decay"):
        load_network(folder / CHECKPOINT, ema=True)


def test_what_is_no_checkpoint_is_named(tmp_path: Path, taught: Path) -> None:
    file = tmp_path / "file.ckpt"
    whole = (taught / CHECKPOINT).read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"file\.ckpt is truncated or damaged"):
        load_network(file)
    torch.save({"state_dict": {}, "what": Path("code")}, file)
    with pytest.raises(ValueError, match=r"file\.ckpt holds pathlib.*could run code"):
        load_network(file)
    torch.save({"state_dict": {}}, file)
    with pytest.raises(ValueError, match=r"file\.ckpt is no checkpoint of a run"):
        load_network(file)
    content = read_checkpoint(taught / CHECKPOINT)
    content["hyper_parameters"]["spec"]["colour"] = "red"
    torch.save(content, file)
    with pytest.raises(ValueError, match=r"file\.ckpt was written by another version.*colour"):
        load_network(file)


def timm_teacher(monkeypatch: pytest.MonkeyPatch, name: str, **options: Any) -> nn.Module:
    """Have timm's pretrained `name` be a network with random weights: nothing is fetched."""
    create = timm.create_model
    network = create(name, pretrained=False, **options)

    def spy(asked: str, *, pretrained: bool) -> nn.Module:
        assert (asked, pretrained) == (name, True)
        return network

    monkeypatch.setattr(timm, "create_model", spy)
    return network


def test_timms_networks_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    network = timm_teacher(monkeypatch, "test_resnet")
    config = TrainingConfig(teacher="timm/test_resnet")
    given: dict[str, Any] = {"num_classes": 1000, "in_chans": 3, "sides": [32], "std": (0.5,) * 3}
    with pytest.raises(ValueError, match="normalised with mean and std"):
        check_teacher(config, **given, mean=(0.485, 0.456, 0.406))
    check_teacher(config, **given, mean=(0.5,) * 3)
    teacher = load_teacher(config, num_classes=1000, in_chans=3)
    assert teacher is not None
    assert teacher.network is network
    with pytest.raises(ValueError, match="has 1000 classes and the data 10"):
        load_teacher(config, num_classes=10, in_chans=3)


def test_a_transformer_teacher_has_its_image_size(monkeypatch: pytest.MonkeyPatch) -> None:
    timm_teacher(monkeypatch, "deit_tiny_patch16_224", depth=1)
    given: dict[str, Any] = {
        "num_classes": 1000,
        "in_chans": 3,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
    }
    config = TrainingConfig(teacher="timm/deit_tiny_patch16_224")
    check_teacher(config, **given, sides=[224])
    with pytest.raises(ValueError, match="cannot see images of 64 px"):
        check_teacher(config, **given, sides=[224, 64])


def test_unknown_names_of_timm_suggest_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no network 'resnet5O'; did you mean .*resnet50"):
        load_teacher(TrainingConfig(teacher="timm/resnet5O"), num_classes=10, in_chans=3)


def test_weights_of_timm_that_cannot_be_fetched_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> nn.Module:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(ValueError, match=r"cannot be fetched \(no route\): fetch them") as error:
        load_teacher(TrainingConfig(teacher="timm/resnet18"), num_classes=10, in_chans=3)
    assert "\n" not in str(error.value)


def test_timms_networks_that_were_trained_here_saw_the_data_as_it_is(tmp_path: Path) -> None:
    """Their `pretrained_cfg` tells of timm's weights, not of these."""
    spec, file = TimmModel("test_resnet"), tmp_path / "teacher.ckpt"
    model = build(spec, num_classes=10, in_chans=1)
    state = {f"backbone.{name}": value for name, value in model.state_dict().items()}
    sizes = {"num_classes": 10, "in_chans": 1}
    values = {"spec": to_dict(spec), "training": {}, **sizes, "seed": 0}
    torch.save({"state_dict": state, "hyper_parameters": values}, file)
    check_teacher(TrainingConfig(teacher=str(file)), **EXPECTED, sides=[32])


@pytest.mark.parametrize("teacher", [None, "timm/resnet18"])
def test_the_estimate_of_the_time_has_the_teacher_in_it(
    teacher: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ablations.grid.measure import bench_of, measure
    from ablations.planning.cost import Setting
    from ablations.studies.config import Hardware, Recipe

    asked = []

    def spy(name: str, *, pretrained: bool) -> nn.Module:
        asked.append((name, pretrained))
        return RESNET_TEACHER

    monkeypatch.setattr(timm, "create_model", spy)
    seen: list[int] = []
    hook = RESNET_TEACHER.register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
    recipe = Recipe(epochs=1, batch_size=4, teacher=teacher)
    hardware = Hardware(accelerator="cpu", threads=1)
    digits = Setting(image_size=8, num_classes=10, in_chans=1)
    measure({RESNET: 0.1}, bench_of(recipe, hardware, digits))
    hook.remove()
    assert seen == ([] if teacher is None else [4, 4])
    assert asked == ([] if teacher is None else [("resnet18", False)])  # nothing is fetched


def test_the_preflight_shows_the_teacher_every_side_of_training(
    taught: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ablations.grid.preflight import inspect
    from ablations.studies.config import Recipe, Study

    seen: list[int] = []

    def spy(_config: TrainingConfig, *, sides: list[int], **_: Any) -> None:
        seen.extend(sides)

    monkeypatch.setattr("lit_models.training.distillation.check_teacher", spy)
    growing = Augmentation(crop="random_resized", first_size=8, growth=(0, 2), size_step=4)
    recipe = Recipe(epochs=3, batch_size=8, teacher=str(taught), augment=growing)
    study = Study(recipe=recipe, data=DataConfig(name="digits", image_size=16))
    inspect(study, {"a": RESNET}, tmp_path)
    assert seen == [8, 12, 16]


def test_which_of_two_sets_a_teacher_has_is_said(tmp_path: Path, taught: Path) -> None:
    for ema, which in ((False, "raw"), (True, "averaged")):
        recipe = replace(RECIPES["plain"], teacher=str(taught), teacher_ema=ema)
        teacher = load_teacher(recipe, num_classes=10, in_chans=1)
        assert teacher is not None
        assert teacher.said.endswith(f"it holds raw weights and averaged ones: {which} taken")
    train_run(make_run(tmp_path / "plain"))
    alone = replace(RECIPES["plain"], teacher=str(tmp_path / "plain"))
    teacher = load_teacher(alone, num_classes=10, in_chans=1)
    assert teacher is not None
    assert not teacher.said
