"""Blocks are taken out of a trained network, more and more of them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.analyses.refusals import unknown_parts
from ablations.robustness.conditions.answers import CORRECT, PREDICTED, require_finite
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch, Images
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import ImageCondition, Passes, Plain
from datamodules.sampling.image_draws import image_generators
from lit_models.probes.anatomy import anatomy
from lit_models.probes.parts import Anatomy, Part, why_none, without


@dataclass(frozen=True)
class Lesion(ImageCondition):
    """What a network says of the images without n of its blocks, n = 1 .. all that can go.

    A block can go where all that it does is added to what comes to it; `anatomy` says what goes
    with it. Which blocks go is drawn anew for each n, by an order of all positions, so that
    networks with the same number of blocks lose the same, as far as these can go. (After
    arXiv 2407.08972, section 4.4, which draws from stage 3.)

    Attributes:
        draws: for each n.
        stages: that blocks are drawn from, counted from 1; None: all.
    """

    draws: int = 10
    stages: tuple[int, ...] | None = None
    kind = "analyses"

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"lesion.draws is at least 1, found {self.draws}")

    @property
    def name(self) -> str:
        """`lesion`."""
        return "lesion"

    def parameters(self) -> Plain:
        """Draws and stages."""
        return {"draws": self.draws, "stages": None if self.stages is None else list(self.stages)}

    def passes(self, network: AskedNetwork) -> Passes:
        """A forward pass for every different set of blocks, at most."""
        with suppress(ValueError):
            count = len(self._removable(anatomy(network.backbone)))
            return Passes(sum(min(self.draws, comb(count, n + 1)) for n in range(count)))
        return Passes(0)

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """No block that can be taken out, with why; a network whose blocks are not known."""
        del images
        if said := unknown_parts("lesion", network):
            return said
        parts = anatomy(network.backbone)
        stages = sorted({part.stage for part in parts.blocks})
        if beyond := set(self.stages or ()) - set(stages):
            return (
                f"lesion.stages: {network.name} has stages 1 to {stages[-1]}, found "
                f"{', '.join(map(str, sorted(beyond)))}"
            )
        if self._removable(parts):
            return None
        drawn = [part for part in parts.blocks if self._drawn(part)]
        where = "" if self.stages is None else f" in stage {', '.join(map(str, self.stages))}"
        return f"lesion: {network.name} has no block{where} that can be removed {why_none(drawn)}"

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The pixels `(N, C, H, W)` in [0, 1], as they are."""
        return as_floats(batch.pixels)

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """The classes (N, counts, draws) of networks with blocks taken out, and which they were."""
        parts = anatomy(network.backbone)
        removable = self._removable(parts)
        removed = removals(len(parts.blocks), removable, draws=self.draws, seed=batch.seed)
        sets = [tuple(map(int, row[row >= 0])) for row in removed.reshape(-1, len(removable))]
        pixels = made.to(network.device)
        classes = {each: _classes(network, parts, each, pixels, batch) for each in set(sets)}
        predicted = np.stack([classes[each] for each in sets], 1)
        predicted = predicted.reshape(len(pixels), len(removable), self.draws)
        return {
            PREDICTED: predicted,
            CORRECT: predicted == batch.labels[:, None, None],
            names.REMOVED: removed,
            names.BLOCKS: np.array(len(parts.blocks), np.int16),
        }

    @staticmethod
    def whole(parts: Sequence[Arrays]) -> Arrays:
        """The answers to all images; which blocks were taken out is the same for every batch."""
        rows = ImageCondition.whole([{n: part[n] for n in (PREDICTED, CORRECT)} for part in parts])
        return {**parts[0], **rows}

    def _removable(self, parts: Anatomy) -> tuple[int, ...]:
        return tuple(i for i in parts.removable if self._drawn(parts.blocks[i]))

    def _drawn(self, part: Part) -> bool:
        return self.stages is None or part.stage in self.stages


def removals(blocks: int, removable: Sequence[int], *, draws: int, seed: int) -> NDArray[np.int16]:
    """Positions that are taken out, ascending, for n = 1 .. and each draw: (counts, draws, counts).

    After the last of a draw stands -1.

    Args:
        blocks: of the network.
        removable: their positions.
        draws: for each n.
        seed: of the evaluation.
    """
    removed = np.full((len(removable), draws, len(removable)), -1, np.int16)
    for count in range(1, len(removable) + 1):
        for draw, order in enumerate(_orders(blocks, count, draws=draws, seed=seed)):
            first = [position for position in order if position in removable][:count]
            removed[count - 1, draw, :count] = sorted(first)
    return removed


def _orders(blocks: int, count: int, *, draws: int, seed: int) -> Iterator[list[int]]:
    each = np.arange(draws, dtype=np.int64)
    for draw in image_generators(names.LESION, level=count, seed=seed, indices=each):
        yield draw.permutation(blocks).tolist()


def _classes(
    network: AskedNetwork,
    parts: Anatomy,
    positions: tuple[int, ...],
    pixels: torch.Tensor,
    batch: ImageBatch,
) -> NDArray[np.int16]:
    with without([parts.blocks[position] for position in positions]), torch.inference_mode():
        logits = network.pixels(pixels)
    require_finite(logits, batch.indices)
    classes: NDArray[np.int16] = logits.argmax(1).cpu().numpy().astype(np.int16)
    return classes
