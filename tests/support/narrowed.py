"""Named networks, small enough to be built with values."""

from dataclasses import replace

from lit_models import SPECS, ArchSpec


def narrow(name: str) -> ArchSpec:
    """The named network, shallow and narrow, with enough values in a tensor to judge it by."""
    spec = SPECS[name]
    heads = [b.spatial.heads for b in spec.branches() if b.spatial and b.spatial.heads]
    width = 8 * heads[0] if heads else 24
    widths = tuple(width << stage for stage in range(len(spec.depths)))
    spec = replace(spec, widths=widths)
    if len(spec.blocks) in (1, len(spec.depths)):
        spec = replace(spec, depths=(2,) * len(spec.depths))
    return spec
