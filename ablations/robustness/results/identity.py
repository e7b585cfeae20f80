"""What makes two answers the same: a hash of everything that decides them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ablations.planning.identity import digest


@dataclass(frozen=True)
class Decides:
    """All that decides an answer.

    Attributes:
        checkpoint: SHA-256 of the weights that were asked.
        weights: which of them: `raw` or `ema`.
        images: `Images.identity()`, in which their list is.
        condition: the key, such as `corruptions/fog/3`.
        parameters: of the condition.
        version: of the condition's definition.
        seed: of the evaluation.
        precision: of the network's numbers, such as `float32`.
    """

    checkpoint: str
    weights: str
    images: Mapping[str, Any]
    condition: str
    parameters: Mapping[str, Any]
    version: int
    seed: int
    precision: str

    def plain(self) -> dict[str, Any]:
        """As plain data, which is stored beside the answer."""
        return asdict(self)

    def identity(self) -> str:
        """Sixteen hexadecimal digits."""
        return digest(self.plain())[:16]
