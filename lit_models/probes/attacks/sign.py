"""Attacks along the sign of the gradient: in one step (FGSM), and in several (PGD)."""

from torch import Tensor

from lit_models.probes.attacks.ball import Attacked, loss_gradient, mostly_zero, projected
from lit_models.probes.pixels import Pixels


def fgsm(network: Pixels, pixels: Tensor, labels: Tensor, *, eps: float) -> Attacked:
    """The fast gradient sign method: x' = clip(x + eps sign(grad)) (arXiv 1412.6572, section 4).

    A large eps is one long step over a curved loss, after which more images can be right than after
    a short one: that is no robustness.

    Args:
        network: which is attacked.
        pixels: (N, C, H, W) in [0, 1].
        labels: (N,) int64, the true classes.
        eps: largest change of a value, pixels in [0, 1].
    """
    return _ascend(network, pixels, pixels, labels, eps=eps, steps=1, step=eps)


def pgd(
    network: Pixels,
    pixels: Tensor,
    labels: Tensor,
    *,
    eps: float,
    steps: int,
    step: float,
    start: Tensor,
) -> Attacked:
    """Projected gradient descent (arXiv 1706.06083, section 2.1): ascent of the loss, from chance.

    Args:
        network: which is attacked.
        pixels: (N, C, H, W) in [0, 1].
        labels: (N,) int64, the true classes.
        eps: largest change of a value, pixels in [0, 1].
        steps: how many; at least one.
        step: change of a value in each.
        start: (N, C, H, W) in [-1, 1]: where in the ball it begins, in units of eps.
    """
    begin = (pixels + eps * start).clamp(0, 1)
    return _ascend(network, begin, pixels, labels, eps=eps, steps=steps, step=step)


def _ascend(
    network: Pixels,
    begin: Tensor,
    clean: Tensor,
    labels: Tensor,
    *,
    eps: float,
    steps: int,
    step: float,
) -> Attacked:
    gradient = loss_gradient(network, begin, labels)
    masked, attacked = mostly_zero(gradient), begin
    for left in reversed(range(steps)):
        attacked = projected(attacked + step * gradient.sign(), clean, eps=eps)
        if left:
            gradient = loss_gradient(network, attacked, labels)
    return Attacked(attacked, masked)
