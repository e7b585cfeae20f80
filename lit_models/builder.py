"""From a spec, or the name of one, to a network."""

import difflib

from lit_models.backbone import Backbone
from lit_models.initialise import initialise
from lit_models.spec import ArchSpec
from lit_models.specs import SPECS


def resolve(name_or_spec: str | ArchSpec) -> ArchSpec:
    """The spec itself, or the named one.

    Raises ValueError for an unknown name, with the nearest known ones.
    """
    if isinstance(name_or_spec, ArchSpec):
        return name_or_spec
    if name_or_spec not in SPECS:
        near = difflib.get_close_matches(name_or_spec, SPECS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(SPECS)}"
        raise ValueError(f"no network is named {name_or_spec!r}; {hint}")
    return SPECS[name_or_spec]


def build(
    name_or_spec: str | ArchSpec,
    *,
    num_classes: int = 1000,
    in_chans: int = 3,
    seed: int | None = None,
) -> Backbone:
    """The network of a spec: `(N, in_chans, H, W)` to `(N, num_classes)`.

    With a `seed`, every parameter depends on the seed, its name and its shape only. Raises
    ValueError for an unknown name.
    """
    spec = resolve(name_or_spec)
    model = Backbone(spec, num_classes=num_classes, in_chans=in_chans)
    initialise(model, spec.init, seed=seed)
    return model
