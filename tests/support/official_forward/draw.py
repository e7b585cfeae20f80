"""Random state dicts in float64: nothing at its initial value, every tensor seen in the logits."""

import torch
from torch import Tensor


class Draw:
    """Fills a state dict, one official module after the other.

    `gain` scales the weights of convolutions and linear layers, so that what comes in neither
    vanishes nor explodes on its way through a deep network.
    """

    def __init__(self, *, seed: int = 0, device: str = "cpu", gain: float = 1.0) -> None:
        self.state: dict[str, Tensor] = {}
        self._gain = gain
        self._device = device
        self._generator = torch.Generator(device="cpu").manual_seed(seed)

    def _normal(self, *shape: int, scale: float) -> Tensor:
        if self._device == "meta":
            return torch.empty(shape, dtype=torch.float64, device="meta")
        return scale * torch.randn(shape, dtype=torch.float64, generator=self._generator)

    def _around_one(self, *shape: int) -> Tensor:
        """Values in [0.5, 1.5], none of them 1 in practice."""
        if self._device == "meta":
            return torch.empty(shape, dtype=torch.float64, device="meta")
        return 0.5 + torch.rand(shape, dtype=torch.float64, generator=self._generator)

    def conv(self, name: str, shape: tuple[int, int, int], *, bias: bool) -> None:
        """A square convolution; `shape` is (out, in per group, kernel)."""
        out, inside, kernel = shape
        fan_in = inside * kernel * kernel
        scale = self._gain * fan_in**-0.5
        self.state[f"{name}.weight"] = self._normal(out, inside, kernel, kernel, scale=scale)
        if bias:
            self.state[f"{name}.bias"] = self._normal(out, scale=0.3)

    def linear(self, name: str, shape: tuple[int, int]) -> None:
        """A linear layer with bias; `shape` is (out, in)."""
        out, inside = shape
        self.state[f"{name}.weight"] = self._normal(out, inside, scale=self._gain * inside**-0.5)
        self.state[f"{name}.bias"] = self._normal(out, scale=0.3)

    def norm(self, name: str, channels: int) -> None:
        """The factor and offset of a layer or group norm."""
        self.state[f"{name}.weight"] = self._around_one(channels)
        self.state[f"{name}.bias"] = self._normal(channels, scale=0.3)

    def batch_norm(self, name: str, channels: int) -> None:
        """A batch norm with running statistics."""
        self.norm(name, channels)
        self.state[f"{name}.running_mean"] = self._normal(channels, scale=0.3)
        self.state[f"{name}.running_var"] = self._around_one(channels)
        self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def scale(self, name: str, *shape: int) -> None:
        """A layer scale."""
        self.state[name] = self._around_one(*shape)

    def share(self, name: str, source: str) -> None:
        """The tensors under `source` also under `name`, as one module referenced twice has them."""
        for key in [key for key in self.state if key.startswith(f"{source}.")]:
            self.state[name + key.removeprefix(source)] = self.state[key]


BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def parameters(state: dict[str, Tensor]) -> int:
    """Learned values in a state dict; a tensor under several keys counts once."""
    learned = {id(value): value for key, value in state.items() if not key.endswith(BUFFERS)}
    return sum(value.numel() for value in learned.values())
