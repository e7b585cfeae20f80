"""Every named network has the size and the cost of the public code of its study.

Ours are the counts of golden.json, which another test counts anew.
"""

import json
from dataclasses import asdict, replace

import pytest
import timm
import torch

from lit_models import SPECS, ArchSpec, count
from lit_models.families.convnext import convnext_block
from lit_models.network.complexity import measure
from lit_models.space.spec import Spatial
from tests.support.project import GOLDEN as GOLDEN_FILE
from tests.support.systems import SYSTEMS

GOLDEN: dict[str, dict[str, float]] = json.loads(GOLDEN_FILE.read_text(encoding="utf-8"))
RESNET_PARAMETERS = {  # arXiv 1512.03385; with timm's resnet200 of layers 3 24 36 3
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet200": 64_673_832,
}
# millions of parameters as the README of github.com/facebookresearch/ConvNeXt-V2, 1e48272, has them
CONVNEXT_V2 = {
    "convnextv2_atto": "3.7",
    "convnextv2_femto": "5.2",
    "convnextv2_pico": "9.1",
    "convnextv2_nano": "15.6",
    "convnextv2_tiny": "28.6",
    "convnextv2_base": "89",
    "convnextv2_large": "198",
    "convnextv2_huge": "660",
}
BASELINES = (
    "resnet_dw",
    "resnet_inverted_dw",
    "resnet_up_inverted_dw",
    "resnet_down_inverted_dw",
)
BASELINE_GMACS = 4.6  # arXiv 2206.03452: the cost that its baselines are brought to


@pytest.mark.parametrize("name", SYSTEMS)
def test_parameters_and_multiply_adds_are_those_of_the_public_code(name: str) -> None:
    assert GOLDEN[name]["params"] == SYSTEMS[name]["params"]
    assert round(GOLDEN[name]["gmacs"] * 1e9) == SYSTEMS[name]["macs"]


@pytest.mark.parametrize("name", CONVNEXT_V2)
def test_convnext_v2_has_the_size_of_its_table_and_the_cost_of_convnext(name: str) -> None:
    printed = CONVNEXT_V2[name]
    digits = len(printed.partition(".")[2])
    assert f"{GOLDEN[name]['params'] / 1e6:.{digits}f}" == printed
    # the multiply-adds are those of V1: a norm of responses has none
    plain = replace(SPECS[name], blocks=(convnext_block(Spatial("depthwise", 7)),))
    assert GOLDEN[name]["gmacs"] == round(count(plain, image_size=224).gmacs, 9)


@pytest.mark.parametrize("name", RESNET_PARAMETERS)
def test_resnets_count_as_timms(name: str) -> None:
    with torch.device("meta"):
        theirs = measure(timm.create_model(name).eval(), torch.empty(1, 3, 224, 224))
    assert GOLDEN[name] == asdict(theirs)
    assert theirs.params == RESNET_PARAMETERS[name]


def _deeper(spec: ArchSpec, by: int) -> ArchSpec:
    first, second, third, last = spec.depths
    return replace(spec, depths=(first, second, third + by, last))


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_have_the_depth_that_comes_nearest_to_their_cost(name: str) -> None:
    def distance(by: int) -> float:
        gmacs = count(_deeper(SPECS[name], by), image_size=224).gmacs if by else here
        return abs(gmacs - BASELINE_GMACS)

    here = GOLDEN[name]["gmacs"]

    assert distance(0) < 0.12  # half a block of stage 3
    assert distance(0) < min(distance(-1), distance(1))


@pytest.mark.parametrize("size", [3, 7, 13, 31, 51])
def test_another_kernel_changes_a_convnext_by_its_weights_alone(size: int) -> None:
    plain, small = f"convnext_tiny_k{size}", 1 if size == 3 else 5
    tiny, found = GOLDEN["convnext_tiny"], GOLDEN[plain]
    channels = 3 * 96 + 3 * 192 + 9 * 384 + 3 * 768
    assert found["params"] - tiny["params"] == channels * (size**2 - 7**2)
    positions = 3 * 96 * 56**2 + 3 * 192 * 28**2 + 9 * 384 * 14**2 + 3 * 768 * 7**2
    assert round((found["gmacs"] - tiny["gmacs"]) * 1e9) == positions * (size**2 - 7**2)
    # a second kernel and two batch norms, but no bias
    extra = GOLDEN[f"{plain}_parallel{small}"]["params"] - found["params"]
    assert extra == channels * (small**2 + 4 - 1)
