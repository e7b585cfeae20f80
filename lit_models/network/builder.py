"""From a spec, a timm network, or the name of one, to a module."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, overload

import torch
from torch import nn

from lit_models.families.reference import PREFIX, Network, TimmModel, named_network
from lit_models.families.serialise import from_dict
from lit_models.network.backbone import Backbone
from lit_models.network.initialise import initialise
from lit_models.network.seeding import stable_seed
from lit_models.space.spec import ArchSpec

_NOT_TAKEN = re.compile(r"unexpected keyword argument '(\w+)'")


def resolve(name_or_spec: str | Mapping[str, Any] | Network) -> Network:
    """The spec itself, the named one, or that which `to_dict` wrote.

    Raises ValueError for an unknown name, with the nearest known ones, for what is none of these,
    and as `from_dict` does.
    """
    if isinstance(name_or_spec, str):
        return named_network(name_or_spec)
    if isinstance(name_or_spec, Mapping):
        return from_dict(name_or_spec)
    if not isinstance(name_or_spec, Network):
        raise ValueError(
            f"{name_or_spec!r} is no network: give a name, such as convnext_tiny, an ArchSpec or a "
            "TimmModel, or what to_dict made of one"
        )
    return name_or_spec


@overload
def build(
    name_or_spec: ArchSpec, *, num_classes: int = 1000, in_chans: int = 3, seed: int | None = None
) -> Backbone: ...
@overload
def build(
    name_or_spec: str | Network,
    *,
    num_classes: int = 1000,
    in_chans: int = 3,
    seed: int | None = None,
) -> Backbone | Any: ...
def build(
    name_or_spec: str | Network,
    *,
    num_classes: int = 1000,
    in_chans: int = 3,
    seed: int | None = None,
) -> Backbone | Any:
    """The network of a spec: `(N, in_chans, H, W)` to `(N, num_classes)`.

    A spec makes a `Backbone`, a `TimmModel` (or `timm/NAME`) timm's own module. With a `seed`,
    every parameter of a `Backbone` depends on the seed, its name and its shape only; those of
    timm's modules, which timm draws one after the other, on the seed and the network. The global
    generator is left as it was then. Raises ValueError for an unknown name, and for what timm's
    network cannot be built with.
    """
    network = resolve(name_or_spec)
    if isinstance(network, TimmModel):
        with _draws_from(seed):
            return _from_timm(network, num_classes=num_classes, in_chans=in_chans)
    model = Backbone(network, num_classes=num_classes, in_chans=in_chans)
    initialise(model, network.init, seed=seed)
    return model


@contextmanager
def _draws_from(seed: int | None) -> Iterator[None]:
    """Torch's CPU generator set from the seed in the block, and as before after it."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(stable_seed("timm", seed))
        yield


def _from_timm(network: TimmModel, *, num_classes: int, in_chans: int) -> nn.Module:
    where = f"{PREFIX}{network.name}"
    options: dict[str, Any] = {
        "num_classes": num_classes,
        "in_chans": in_chans,
        "drop_path_rate": network.drop_path_rate,
    }
    if network.image_size is not None:
        options["img_size"] = network.image_size
    try:
        model = _create(network.name, options)
    except (ArithmeticError, AssertionError, RuntimeError, ValueError) as error:
        raise ValueError(f"{where} cannot be built with {options}: {error}") from None
    if network.drop_path_rate and "drop_path_rate" not in options:
        raise ValueError(f"{where} has no stochastic depth in timm: leave drop_path_rate at 0")
    _check_patches(model, network)
    return model


def _create(name: str, options: dict[str, Any]) -> nn.Module:
    """timm's network; options that its constructor does not know are taken out of `options`.

    Convolutional networks take images of any size and no `img_size`.
    """
    import timm

    while True:
        try:
            return timm.create_model(name, **options)
        except TypeError as error:
            refused = _NOT_TAKEN.search(str(error))
            if refused is None or refused[1] not in ("img_size", "drop_path_rate"):
                raise ValueError(str(error)) from None
            del options[refused[1]]


def _check_patches(model: nn.Module, network: TimmModel) -> None:
    """Refuse an image whose last rows and columns no patch would see."""
    patch, side = getattr(model, "patch_embed", None), network.image_size
    size = getattr(patch, "patch_size", None)
    if side is None or not size:
        return
    if side % size[0]:
        raise ValueError(
            f"{PREFIX}{network.name} cuts images into {size[0]} px patches, and {side} px is no "
            f"multiple: the last {side % size[0]} px would go unseen; choose another "
            "data.image_size"
        )
