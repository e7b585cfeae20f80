"""Initial values, drawn for each parameter from its own name: paired by construction.

Two networks built with one seed have equal values wherever a parameter's name and shape agree,
whatever else differs between them.
"""

import hashlib

import torch
from torch import nn

from lit_models.network.blocks import Branch
from lit_models.network.extras import redraw
from lit_models.network.layers import LayerScale, extras_of
from lit_models.network.seeding import stable_seed
from lit_models.primitives.table import primitive
from lit_models.space.spec import Init


def initialise(model: nn.Module, init: Init, *, seed: int | None = None) -> None:
    """Fill every parameter in place; `seed=None` draws a seed from torch's global generator."""
    if any(parameter.is_meta for parameter in model.parameters()):
        return
    base = int(torch.randint(2**62, ()).item()) if seed is None else seed
    with torch.no_grad():
        own = _own_parts(model, base)
        for name, module in model.named_modules():
            if module not in own:
                _fill(module, init, generator=_generator(base, name))
        if init.zero_last_norm:
            _zero_last_norms(model)
        if init.zero_classifier:
            _zero_classifier(model)


def _own_parts(model: nn.Module, seed: int) -> set[nn.Module]:
    """Draw the parameters of every primitive; the modules that keep what was drawn."""
    own: set[nn.Module] = set()
    for found in extras_of(model):
        redraw(found, seed=stable_seed("extra", seed, found.path))
        if primitive(found.extra.name).init == "own":
            own |= set(found.module.modules())
    return own


def _generator(seed: int, name: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def _fill(module: nn.Module, init: Init, *, generator: torch.Generator) -> None:
    if isinstance(module, LayerScale):
        module.gamma.fill_(module.initial)
    if not isinstance(module, nn.Conv2d | nn.Linear):
        return
    one_by_one = isinstance(module, nn.Linear) or module.kernel_size == (1, 1)
    weight = module.weight
    if init.scheme == "truncated_normal":
        # cut at +-2 in absolute units, as timm and the released ConvNeXt code do
        nn.init.trunc_normal_(weight, std=init.std, a=-2.0, b=2.0, generator=generator)
    elif init.scheme == "xavier" and one_by_one:
        nn.init.xavier_uniform_(weight, generator=generator)
    elif init.scheme == "default" or isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)
    else:
        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", generator=generator)
    if module.bias is not None:
        _fill_bias(module, init, generator=generator)


def _fill_bias(module: nn.Conv2d | nn.Linear, init: Init, *, generator: torch.Generator) -> None:
    assert module.bias is not None
    linear = isinstance(module, nn.Linear)
    if init.scheme == "default" or (init.scheme == "fan_out" and linear):
        bound = module.weight[0].numel() ** -0.5  # PyTorch's default: 1 / sqrt(fan-in)
        nn.init.uniform_(module.bias, -bound, bound, generator=generator)
    else:
        nn.init.zeros_(module.bias)


def _zero_classifier(model: nn.Module) -> None:
    head = getattr(model, "head", None)
    classifier = getattr(head, "fc", None)
    if isinstance(classifier, nn.Linear):
        nn.init.zeros_(classifier.weight)
        nn.init.zeros_(classifier.bias)


def _zero_last_norms(model: nn.Module) -> None:
    for module in model.modules():
        if not (isinstance(module, Branch) and module.residual and len(module.layers)):
            continue
        weight = getattr(getattr(module.layers[-1], "norm", None), "weight", None)
        if weight is not None:
            nn.init.zeros_(weight)
