"""LitClassifier: construction, one optimizer step a total batch, metrics, compile, precision."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from lit_models import LitClassifier, TrainingConfig, to_dict
from lit_models.network.seeding import seed_draws, stable_seed
from lit_models.training.metrics import (
    BALANCED,
    TRAIN_LOSS,
    VAL_EMA_TOP1,
    VAL_LOSS,
    VAL_TOP1,
    VAL_TOP5,
    metric,
)
from lit_models.training.scores import create_scores, update_scores
from tests.support.run_folders import CONVNEXT, NO_BATCH_NORM, RESNET

CONFIG = TrainingConfig(epochs=2, batch_size=8, lr=1e-2)
IMAGES = torch.randn(24, 1, 8, 8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(24) % 10


def classifier(config: TrainingConfig = CONFIG, **changes: Any) -> LitClassifier:
    values = {"num_classes": 10, "in_chans": 1, "seed": 0, **changes}
    spec = values.pop("spec", NO_BATCH_NORM)
    return LitClassifier(to_dict(spec), asdict(config), **values)


def fit(module: LitClassifier, *, size: int = 8, **options: Any) -> Mapping[str, torch.Tensor]:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=module.training_config.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )
    loader = DataLoader(TensorDataset(IMAGES, CLASSES), batch_size=size)
    trainer.fit(module, loader, loader)
    return trainer.callback_metrics


def test_hyper_parameters_rebuild_it() -> None:
    module = classifier()
    again = LitClassifier(**module.hparams)
    assert again.spec == module.spec
    assert again.training_config == module.training_config
    for (name, left), (_, right) in zip(
        module.state_dict().items(), again.state_dict().items(), strict=True
    ):
        assert torch.equal(left, right), name


def test_unknown_training_fields_are_named() -> None:
    with pytest.raises(ValueError, match=r"unknown fields \['epoch'\].*epochs"):
        LitClassifier(to_dict(RESNET), {"epoch": 1}, num_classes=10, in_chans=1, seed=0)


def test_recipe_replaces_the_drop_path_rate() -> None:
    assert classifier(replace(CONFIG, drop_path_rate=0.3)).spec.drop_path_rate == 0.3
    assert classifier(replace(CONFIG, drop_path_rate=0.0)).spec.drop_path_rate == 0.0
    assert classifier().spec.drop_path_rate == NO_BATCH_NORM.drop_path_rate > 0


def test_metrics_agree_with_counting_by_hand() -> None:
    logits = torch.randn(24, 10, generator=torch.Generator().manual_seed(1))
    scores = create_scores(10, "val")
    for part in (slice(0, 16), slice(16, 24)):  # batches of different sizes
        update_scores(scores, logits[part], CLASSES[part])
    measured = scores.compute()
    ranked = logits.argsort(1, descending=True)
    hits = ranked == CLASSES.view(-1, 1)
    assert measured[VAL_TOP1].item() == pytest.approx(100 * hits[:, 0].sum().item() / 24)
    assert measured[VAL_TOP5].item() == pytest.approx(100 * hits[:, :5].sum().item() / 24)
    loss = -logits.log_softmax(1)[torch.arange(24), CLASSES].mean()
    assert measured[VAL_LOSS].item() == pytest.approx(loss.item())


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_have_images() -> None:
    targets = torch.tensor([0] * 18 + [1] * 2)
    always_first = torch.zeros(20, 3)
    always_first[:, 0] = 1
    always_first[-1, 2] = 2  # a class without an image, named once
    scores = create_scores(3, "val")
    for part in (slice(0, 7), slice(7, 20)):
        update_scores(scores, always_first[part], targets[part])
    measured = scores.compute()
    assert measured[VAL_TOP1].item() == pytest.approx(90.0)
    assert measured[metric("val", BALANCED)].item() == pytest.approx(50.0)


def test_balanced_accuracy_is_torchmetrics_where_every_class_has_images() -> None:
    logits = torch.randn(24, 10, generator=torch.Generator().manual_seed(1))
    scores = create_scores(10, "val")
    update_scores(scores, logits, CLASSES)
    expected = MulticlassAccuracy(num_classes=10, average="macro")(logits, CLASSES)
    found = scores.compute()[metric("val", BALANCED)]
    assert found.item() == pytest.approx(100 * expected.item())


@pytest.mark.parametrize(("num_classes", "present"), [(5, False), (6, True)])
def test_top5_needs_more_than_five_classes(num_classes: int, present: bool) -> None:
    scores = create_scores(num_classes, "val")
    assert (VAL_TOP5 in scores.keys()) == present  # noqa: SIM118 - keys() has the prefix


def test_accumulation_takes_the_same_steps_as_one_large_batch() -> None:
    config = replace(CONFIG, drop_path_rate=0.0, ema_decay=0.5, ema_warmup=False, warmup_epochs=1)
    whole, halves = classifier(config), classifier(config)
    whole_metrics = fit(whole, size=8)
    halves_metrics = fit(halves, size=4, accumulate_grad_batches=2)
    assert whole.trainer.global_step == halves.trainer.global_step == 6
    assert whole.last_lr == halves.last_lr
    for (name, left), right in zip(
        whole.state_dict().items(), halves.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5, msg=name)
    for name in (TRAIN_LOSS, VAL_LOSS, VAL_EMA_TOP1):
        torch.testing.assert_close(whole_metrics[name], halves_metrics[name], rtol=1e-4, atol=1e-5)


def test_average_is_updated_once_an_optimizer_step_and_measured_beside_the_raw_weights() -> None:
    module = classifier(replace(CONFIG, ema_decay=0.5, ema_warmup=False))
    states, update = [], module.optimizer_step

    def spy(*args: Any, **kwargs: Any) -> None:
        update(*args, **kwargs)
        states.append(module.backbone.state_dict()["head.fc.weight"].clone())

    module.optimizer_step = spy  # type: ignore[method-assign]
    measured = fit(module)
    expected = states[0]  # timm's first update copies
    for state in states[1:]:
        expected = 0.5 * expected + 0.5 * state
    assert module.ema is not None
    torch.testing.assert_close(module.ema.module.head.fc.weight, expected)
    for network, suffix in ((module.backbone, ""), (module.ema.module, "_ema")):
        with torch.no_grad():
            assert isinstance(network, torch.nn.Module)
            right = network.eval()(IMAGES).argmax(1) == CLASSES
        assert measured[f"val{suffix}/top1"].item() == pytest.approx(100 * right.float().mean())


def test_schedule_moves_once_an_optimizer_step() -> None:
    module = classifier(replace(CONFIG, warmup_epochs=1, epochs=2))
    rates, update = [], module.optimizer_step

    def spy(*args: Any, **kwargs: Any) -> None:
        rates.append(module.trainer.optimizers[0].param_groups[0]["lr"])
        update(*args, **kwargs)

    module.optimizer_step = spy  # type: ignore[method-assign]
    fit(module, size=4, accumulate_grad_batches=2)
    assert rates == pytest.approx([0, 0.01 / 3, 0.02 / 3, 0.01, 0.0075, 0.0025])


def test_gradient_accumulation_does_not_reuse_draws() -> None:
    device = torch.device("cpu")
    draws = []
    for place in ((0, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1)):
        seed_draws(*place, device=device)
        draws.append(torch.rand(1).item())
    assert len(set(draws)) == len(draws)
    assert stable_seed(0, "a") == 5690829181965289459  # the same in every process and version


@pytest.mark.parametrize("spec", [RESNET, CONVNEXT])
def test_channels_last_trains_the_same_network(spec: Any) -> None:
    plain, last = (
        classifier(replace(CONFIG, channels_last=flag), spec=spec) for flag in (False, True)
    )
    layouts = []
    last.backbone.stages[-1].register_forward_hook(
        lambda _module, _inputs, out: layouts.append(
            out.is_contiguous(memory_format=torch.channels_last)
        )
    )
    gradients = []
    for module in (plain, last):
        module.eval()(IMAGES).logsumexp(1).sum().backward()
        gradients.append([parameter.grad for parameter in module.parameters()])
    assert layouts == [True]
    assert last.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)


def test_compile_keeps_the_names_and_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def spy(function: Any, **options: Any) -> Any:
        compiled.append(options)
        return function

    monkeypatch.setattr(torch, "compile", spy)  # the real one takes a minute on a CPU
    module = classifier(replace(CONFIG, compile=True, ema_decay=0.9))
    assert len(compiled) == 1
    plain = classifier(replace(CONFIG, ema_decay=0.9))
    assert module.state_dict().keys() == plain.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(module.eval()(IMAGES), plain.eval()(IMAGES))


def test_bf16_computes_in_bf16_and_keeps_float32_weights() -> None:
    module = classifier(replace(CONFIG, epochs=1))
    kinds = []
    module.backbone.head.fc.register_forward_hook(lambda _m, _i, out: kinds.append(out.dtype))
    fit(module, precision="bf16-mixed")
    assert set(kinds) == {torch.bfloat16}
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_gradient_clip_bounds_the_step() -> None:
    config = replace(CONFIG, optimizer="momentum", momentum=0.0, weight_decay=0.0, epochs=1)
    before = {n: p.detach().clone() for n, p in classifier(config).backbone.named_parameters()}
    module = classifier(config)
    fit(module, size=24, gradient_clip_val=1e-3)  # one step
    moved = [(p - before[n]).square().sum() for n, p in module.backbone.named_parameters()]
    assert torch.stack(moved).sum().sqrt().item() == pytest.approx(config.lr * 1e-3, rel=1e-2)
