"""TAIG: images changed against one network, and shown to others (arXiv 2205.13152)."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lit_models.probes.attacks.ball import Attacked, mostly_zero, projected
from lit_models.probes.pixels import Pixels

ITERATIONS, INTERVALS, STEP = 20, 20, 1 / 255


def taig(
    surrogate: Pixels,
    pixels: Tensor,
    labels: Tensor,
    *,
    eps: float,
    noise: Callable[[int, int], Tensor] | None = None,
) -> Attacked:
    """Twenty steps of 1/255 along the sign of integrated gradients, rounded to 256 levels.

    The attribution of a value is the value times the mean gradient of minus the true class's logit,
    over 21 points of the straight line from black to the image; so nothing that is black at a step
    is changed in it. The values are those of arXiv 2407.08972, section 4.2.

    The code released with that paper also adds the noise to the factor (the last point minus the
    first), and enlarges and crops its own images again when it shows them; neither is done here.

    Args:
        surrogate: which is attacked.
        pixels: (N, C, H, W) in [0, 1].
        labels: (N,) int64, the true classes.
        eps: largest change of a value before rounding (which adds at most half a level), pixels in
            [0, 1].
        noise: of the numbers of the step and of the point, (N, C, H, W) in [-1, 1]: what is added
            to the point, in units of eps (the variant TAIG-R); None: nothing is (TAIG-S).
    """
    attacked, masked = pixels, torch.zeros_like(labels, dtype=torch.bool)
    for iteration in range(ITERATIONS):
        moves = None if noise is None else partial(_move, noise, eps, iteration)
        gradient = mean_gradient(surrogate, attacked, labels, moves=moves)
        if iteration == 0:
            masked = mostly_zero(gradient)
        step = STEP * (attacked * gradient).sign()
        attacked = projected(attacked + step, pixels, eps=eps)
    return Attacked((attacked * 255).round() / 255, masked)


def _move(noise: Callable[[int, int], Tensor], eps: float, iteration: int, point: int) -> Tensor:
    return eps * noise(iteration, point)


def mean_gradient(
    network: Pixels,
    pixels: Tensor,
    labels: Tensor,
    *,
    moves: Callable[[int], Tensor] | None = None,
) -> Tensor:
    """The mean over 21 points from black to the image of the gradient of minus the true logit.

    Times the image it is the integrated gradient (arXiv 1703.01365) with black as the baseline.

    Args:
        network: in evaluation mode.
        pixels: (N, C, H, W) in [0, 1].
        labels: (N,) int64.
        moves: of the number of a point, (N, C, H, W) to add to it; None: the line is straight.
    """
    total = torch.zeros_like(pixels)
    for point in range(INTERVALS + 1):
        at = point / INTERVALS * pixels
        total += _gradient(network, at if moves is None else at + moves(point), labels)
    return total / (INTERVALS + 1)


def _gradient(network: Pixels, pixels: Tensor, labels: Tensor) -> Tensor:
    with torch.inference_mode(mode=False), torch.enable_grad():
        inputs = pixels.detach().clone().requires_grad_()
        logits = network(inputs).gather(1, labels[:, None])
        (gradient,) = torch.autograd.grad(-logits.sum(), inputs)
    return gradient
