"""Our networks compute what the networks of the studies compute, in float64, to 1e-9.

The other side is `tests.support.official_forward`: functions over official state dicts that share
no code with `lit_models`. Every named network is compared at its full depth and with its own
kernels, heads and mixers; only widths and images are small.
"""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lit_models import SPECS, ArchSpec
from lit_models.families.convnext import isotropic
from lit_models.families.convnext_v2 import CONVNEXTS_V2
from lit_models.space.spec import Branch
from tests.support.official_forward.convnext import ConvNeXt
from tests.support.official_forward.draw import parameters
from tests.support.official_forward.named import forward, named, random_state
from tests.support.official_forward.spach import Names, Spach
from tests.support.official_pairs import ONE_A_FAMILY, difference, narrow
from tests.support.systems import SYSTEMS


@pytest.mark.parametrize("name", [*SYSTEMS, *CONVNEXTS_V2])
def test_named_networks_compute_what_the_official_ones_do(name: str) -> None:
    assert difference(SPECS[name], narrow(named()[name])) < 1e-9


def _mixing(spec: ArchSpec, **changes: object) -> ArchSpec:
    """The spatial branches of a SPACH network edited; 'pass' branches keep what they can."""

    def edit(branch: Branch) -> Branch:
        if branch.spatial is None:
            return branch
        return replace(branch, **changes)  # type: ignore[arg-type]

    return spec.map_branches(edit)


def _shared(spec: ArchSpec) -> ArchSpec:
    def edit(branch: Branch) -> Branch:
        spatial = branch.spatial
        return branch if spatial is None else replace(branch, spatial=replace(spatial, shared=True))

    return spec.map_branches(edit)


def test_combinations_that_no_name_has() -> None:
    config = narrow(named()["convnext_isotropic_small"])
    assert isinstance(config, ConvNeXt)
    scaled = isotropic(18, width=384, drop_path_rate=0.1, layer_scale=1e-6)
    assert difference(scaled, replace(config, layer_scale=True)) < 1e-9
    name = "spach_ms_xs_patch4_224_hybrid"
    shared, config = _shared(SPECS[name]), narrow(named()[name])
    assert isinstance(config, Spach)
    assert difference(shared, replace(config, shared=True)) < 1e-9
    unscaled = _mixing(shared, layer_scale=None)
    assert difference(unscaled, replace(config, shared=True, scaled=False)) < 1e-9
    name = "spach_ms_xxs_patch4_224_attn"
    shared, config = _shared(SPECS[name]), narrow(named()[name])
    assert isinstance(config, Spach)
    assert difference(shared, replace(config, shared=True)) < 1e-9


@pytest.mark.parametrize("name", ["spach_xxs_patch16_224_mlp__conv4", "spach_ms_s_patch4_224_attn"])
def test_leaf_names_that_are_a_reading_of_ours_may_be_others(name: str) -> None:
    config = narrow(named()[name])
    assert isinstance(config, Spach)
    names = Names(stem="stem.layers", bypass="cpe_net.dwconv")
    assert difference(SPECS[name], replace(config, names=names)) < 1e-9


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_other_side_has_the_parameters_of_the_public_code(name: str) -> None:
    assert parameters(random_state(named()[name], device="meta")) == SYSTEMS[name]["params"]


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_the_other_side_has_the_multiply_adds_of_the_public_code(name: str) -> None:
    config = named()[name]
    image = torch.empty(1, 3, 224, 224, dtype=torch.float64, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward(random_state(config, device="meta"), image, config)
    assert counter.get_total_flops() // 2 == SYSTEMS[name]["macs"]
