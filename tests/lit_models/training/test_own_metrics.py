"""Metrics from outside the project."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassCohenKappa

from lit_models import LitClassifier
from lit_models.recipe.config import TrainingConfig
from lit_models.training.own_metrics import METRICS, check_metrics, register_metric
from lit_models.training.scores import create_scores, update_scores


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    before = set(METRICS)
    yield
    for name in set(METRICS) - before:
        METRICS.forget(name)


class LargestLogit(MeanMetric):
    """Another kind of argument names than torchmetrics'."""

    def update(self, logits: Tensor, classes: Tensor) -> None:  # type: ignore[override]
        """Add a batch."""
        del classes
        super().update(logits.max(1).values)


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 4, generator=generator)
    return logits, torch.randint(0, 4, (40,), generator=generator)


def test_it_is_measured_beside_the_others_and_starts_anew() -> None:
    register_metric("kappa")(MulticlassCohenKappa)
    register_metric("largest")(lambda num_classes: LargestLogit())
    scores, plain = (
        create_scores(4, "val", ema=True, own=["kappa", "largest"]),
        create_scores(4, "val", ema=True),
    )
    logits, targets = batch()
    for rows in (slice(0, 25), slice(25, 40)):
        update_scores(scores, logits[rows], targets[rows])
    update_scores(plain, logits, targets)
    found = scores.compute()
    kappa = MulticlassCohenKappa(4)(logits, targets)
    assert found["val_ema/kappa"] == pytest.approx(kappa.item())
    assert found["val_ema/largest"] == pytest.approx(logits.max(1).values.mean().item())
    assert {name: found[name].item() for name in plain.compute()} == pytest.approx(
        {name: value.item() for name, value in plain.compute().items()}
    )
    scores.reset()
    update_scores(scores, logits[:25], targets[:25])
    again = MulticlassCohenKappa(4)(logits[:25], targets[:25])
    assert scores.compute()["val_ema/kappa"] == pytest.approx(again.item())


class Odd(Metric):
    """Gives what it is told to."""

    full_state_update = False

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Nothing."""

    def compute(self) -> object:
        """The value."""
        return self.value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.tensor(float("nan")), "nan"),
        (torch.tensor(float("inf")), "inf"),
        (torch.zeros(2), r"tensor\(\[0"),
        ({"a": torch.tensor(1.0)}, "{'a'"),
        (None, "None"),
    ],
)
def test_no_finite_scalar_is_refused_by_name(value: object, said: str) -> None:
    register_metric("odd")(lambda num_classes: Odd(value))
    scores = create_scores(4, "test", own=["odd"])
    update_scores(scores, *batch())
    with pytest.raises(
        ValueError, match=rf"metric 'odd' \(.*test_own_metrics.py:\d+\) gave .*{said}"
    ):
        scores.compute()


def test_unknown_taken_and_impossible_names_are_refused() -> None:
    register_metric("kappa")(MulticlassCohenKappa)
    with pytest.raises(ValueError, match=r"^recipe.metrics: .*'kapa'. Did you mean kappa\?"):
        check_metrics(["kapa"])
    with pytest.raises(ValueError, match=r"there is no metric 'kapa'. Did you mean kappa\?"):
        LitClassifier("nano_convmixer", {"metrics": ["kapa"]}, num_classes=4)
    with pytest.raises(ValueError, match=r"'kappa' exists already, from .*test_own_metrics.py:"):
        register_metric("kappa")(MulticlassCohenKappa)
    with pytest.raises(ValueError, match=r"test_own_metrics.py:\d+: .*'top1' is always measured"):
        register_metric("top1")(MulticlassCohenKappa)
    with pytest.raises(ValueError, match="cannot be called 'a/b'"):
        register_metric("a/b")(MulticlassCohenKappa)
    register_metric("none")(lambda num_classes: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match=r"'none' \(.* made None, which is no torchmetrics.Metric"):
        create_scores(4, "val", own=["none"])
    with pytest.raises(ValueError, match=r"recipe.metrics has kappa twice"):
        TrainingConfig(metrics=["kappa", "kappa"])
