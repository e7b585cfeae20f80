"""Primitives as modules of a network: how they are made, held to their promise, and initialised."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

from lit_models.primitives.primitive import PRIMITIVES
from lit_models.primitives.table import primitive
from lit_models.space.extras import Extra

_SIDE = 5  # of the maps on which a primitive is tried


def make_extra(extra: Extra, channels: int) -> nn.Module:
    """The module of a primitive on maps `(N, channels, H, W)`.

    Raises ValueError, naming the place of its code, for one that cannot be made, does not keep the
    shape of maps, or has a name that no module can have.
    """
    if hasattr(nn.Sequential(), extra.name):
        raise ValueError(
            f"{_named(extra, channels)} has the name of something that every torch.nn.Sequential "
            "has: register it under another"
        )
    _try(extra, channels, primitive(extra.name).make)
    return _made(extra, channels)


@dataclass(frozen=True)
class Placed:
    """A primitive in a network."""

    path: str  # its name among the network's modules
    module: nn.Module
    extra: Extra
    channels: int


def redraw(placed: Placed, *, seed: int) -> None:
    """Fill a primitive's parameters and buffers as its constructor draws them from the seed.

    The global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        fresh = _made(placed.extra, placed.channels)
        placed.module.load_state_dict(fresh.state_dict())


def _made(extra: Extra, channels: int) -> nn.Module:
    try:
        module = primitive(extra.name).make(channels, **extra.values)
    except Exception as error:
        raise ValueError(f"{_named(extra, channels)} cannot be made: {_said(error)}") from error
    if not isinstance(module, nn.Module):
        raise ValueError(f"{_named(extra, channels)} is no torch.nn.Module: {module!r}")
    return module


@lru_cache(maxsize=512)
def _try(extra: Extra, channels: int, make: Callable[..., nn.Module]) -> None:
    """Hold a primitive to its shape, on the meta device, which computes nothing."""
    del make  # of the cache's key: another function may have the name by now
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        module = _made(extra, channels).eval()
        maps = torch.empty(2, channels, _SIDE, _SIDE)
        try:
            with torch.no_grad():
                out = module(maps)
        except Exception as error:
            raise ValueError(
                f"{_named(extra, channels)} fails on maps {tuple(maps.shape)}: {_said(error)}"
            ) from error
    if not isinstance(out, torch.Tensor) or out.shape != maps.shape:
        found = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
        raise ValueError(
            f"{_named(extra, channels)} has to keep the shape of maps {tuple(maps.shape)}, and "
            f"gives {found}"
        )
    known = {name for name, _ in module.named_parameters()}
    unknown = sorted(set(primitive(extra.name).no_weight_decay) - known)
    if unknown:
        raise ValueError(
            f"{_named(extra, channels)} has no parameter {', '.join(unknown)}, which "
            "no_weight_decay names"
        )


def _named(extra: Extra, channels: int) -> str:
    origin = PRIMITIVES.origin(extra.name)
    return f"{origin}: the primitive {extra.name!r} with {channels} channels"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
