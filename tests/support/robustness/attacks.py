"""What foolbox and torchattacks make of a few images, to compare attacks with.

    pip install foolbox==3.3.4 torchattacks==3.5.1    # in an environment of their own
    python -m tests.support.robustness.attacks        # writes attacks.npz beside this file

Both libraries give the same bits; the script stops where they do not.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FILE = Path(__file__).with_suffix(".npz")
EPSILONS = (1 / 255, 8 / 255, 0.3)
STEPS = (1, 5)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def network() -> nn.Sequential:
    """A small network in float64, in evaluation mode, whose values are not those of a start.

    Takes normalised images `(N, 3, 8, 8)`, gives logits `(N, 5)`.
    """
    made = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.GELU(),
        nn.Conv2d(6, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(8 * 9, 5),
    ).double()
    generator = np.random.Generator(np.random.PCG64(7))
    for tensor in (*made.parameters(), *made.buffers()):
        if tensor.is_floating_point():
            values = generator.random(tuple(tensor.shape))
            tensor.data = torch.from_numpy(values if tensor.ndim == 1 else values * 2 - 1)
    return made.eval()


def images() -> Tensor:
    """Four of them, `(4, 3, 8, 8)` float64 in [0, 1], with black and white among their values."""
    generator = np.random.Generator(np.random.PCG64(8))
    levels = generator.integers(-40, 296, (4, 3, 8, 8)).clip(0, 255)
    return torch.from_numpy(levels / 255)


def labels() -> Tensor:
    """Their classes, (4,) int64."""
    return torch.arange(4)


def start() -> Tensor:
    """Where PGD begins, in units of eps: `(4, 3, 8, 8)` in [-1, 1]."""
    generator = np.random.Generator(np.random.PCG64(9))
    return torch.from_numpy(generator.random((4, 3, 8, 8)) * 2 - 1)


def stored() -> Mapping[str, NDArray[np.float64]]:
    """Pixels `(4, 3, 8, 8)` by `fgsm/EPS` and `pgd/EPS/STEPS`."""
    with np.load(FILE) as found:
        return {name: found[name] for name in found.files}


class _Normalised(nn.Module):
    """Written anew: what is compared is not to compare itself with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, pixels: Tensor) -> Tensor:
        mean, std = (torch.tensor(x).double()[:, None, None] for x in (MEAN, STD))
        logits: Tensor = self.inner((pixels - mean) / std)
        return logits


def make() -> Mapping[str, NDArray[np.float64]]:
    """The arrays, by both libraries."""
    found = {}
    for eps in EPSILONS:
        found[f"fgsm/{eps}"] = _agreed(_foolbox_fgsm(eps), _torchattacks("FGSM", eps=eps))
        for steps in STEPS:
            options = {"eps": eps, "alpha": eps / 4, "steps": steps}
            other = _torchattacks("PGD", random_start=True, **options)
            found[f"pgd/{eps}/{steps}"] = _agreed(_foolbox_pgd(eps, steps), other)
    return found


def _agreed(one: Tensor, other: Tensor) -> NDArray[np.float64]:
    if not one.equal(other):
        raise ValueError(f"the libraries differ by {(one - other).abs().max():.3g}")
    return one.numpy()


def _foolbox_fgsm(eps: float) -> Tensor:
    foolbox = importlib.import_module("foolbox")
    return _run(foolbox.attacks.LinfFastGradientAttack(random_start=False), eps)


def _foolbox_pgd(eps: float, steps: int) -> Tensor:
    foolbox = importlib.import_module("foolbox")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=eps / 4, steps=steps, random_start=True)
    attack.get_random_start = lambda x0, epsilon: x0 + epsilon * start()
    return _run(attack, eps)


def _run(attack: Any, eps: float) -> Tensor:
    foolbox = importlib.import_module("foolbox")
    model = foolbox.PyTorchModel(_Normalised().eval(), bounds=(0, 1), device="cpu")
    found: Tensor = attack.run(model, images(), labels(), epsilon=eps)
    return found.detach()


def _torchattacks(name: str, **options: Any) -> Tensor:
    attack = getattr(importlib.import_module("torchattacks"), name)(_Normalised().eval(), **options)
    attack.set_model_training_mode(False, False, False)
    uniform = torch.Tensor.uniform_

    def ours(tensor: Tensor, low: float, high: float) -> Tensor:
        del low
        return tensor.copy_(high * start())

    torch.Tensor.uniform_ = ours  # type: ignore[assignment, method-assign]
    try:
        found: Tensor = attack(images(), labels())
    finally:
        torch.Tensor.uniform_ = uniform  # type: ignore[method-assign]
    return found.detach()


if __name__ == "__main__":
    np.savez_compressed(FILE, **make())  # type: ignore[arg-type]
