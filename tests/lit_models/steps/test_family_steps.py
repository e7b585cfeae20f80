"""Every step on every family: it changes the network, which then runs, or says why it cannot.

`REFUSALS` is the whole table: a step applies to every family that is not in its row.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

import pytest
import torch
from torch import Tensor

from lit_models import SPECS, ArchSpec, IllegalStep, build, parse_step
from lit_models.network.layers import LayerScale, extras_of
from lit_models.steps.library import STEP_FACTORIES

BASELINES = "resnet resnet_dw resnet_inverted_dw resnet_up_inverted_dw resnet_down_inverted_dw"
INVERTED = "robust_inverted_dw robust_up_inverted_dw robust_down_inverted_dw"
ROBUST = f"robust_dw {INVERTED}"
REPARAM = "robust_up_inverted_dw_reparam"
RESNETS = f"{BASELINES} {ROBUST} {REPARAM}"
ONE_STAGE_SPACH = "spach_conv spach_mlp spach_attn"
STAGED_SPACH = "spach_ms_conv spach_ms_mlp spach_ms_attn spach_ms_hybrid"
SPACH = f"{ONE_STAGE_SPACH} {STAGED_SPACH}"
ISOTROPIC = f"convnext_isotropic {ONE_STAGE_SPACH} convmixer"
FAMILIES = f"{RESNETS} convnext convnext_isotropic {SPACH} convmixer replknet".split()
ALREADY = "changes nothing here: the network already has it"
NO_CONVOLUTION = (
    r"it needs a mixer that is a convolution, and this network has none \(its bypass is"
)
NO_DENSE = "it needs a dense spatial convolution, and this network has none"
STRIDED = {
    "in the first block strides the spatial convolution": (
        "resnet resnet_dw resnet_inverted_dw resnet_up_inverted_dw "
        f"robust_dw robust_inverted_dw robust_up_inverted_dw {REPARAM}"
    ),
    "in the last block strides the spatial convolution": (
        "resnet_down_inverted_dw robust_down_inverted_dw"
    ),
}
TOO_SMALL = r"parallel kernels are odd and smaller than the odd kernel .* found \(3,\) beside 3"
ONE_WIDTH = "widths has 3 entries but depths has 1: one a stage"
THREE_WIDTHS = "widths has 1 entries but depths has 3: one a stage"
STAGED = f"{RESNETS} convnext {STAGED_SPACH} replknet"
NARROW = "resnet resnet_dw robust_dw"  # narrow inside


def rest(*without: str) -> str:
    """The families that are not in these."""
    return " ".join(name for name in FAMILIES if name not in " ".join(without).split())


# step -> what it says when it refuses -> the families for which it does
REFUSALS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "patch_size=2": {ALREADY: f"convnext {STAGED_SPACH}"},
        "patch_size=8": {"a token MLP of ratio 0.5 on 1 positions": "spach_ms_mlp"},
        "layout=isotropic": {"the network has one stage already": ISOTROPIC},
        "layout=pyramid": {"the network has 3 stages already": STAGED},
        "depths=2+1+2": {
            "widths has 1 entries but depths has 3": ISOTROPIC,
            "every block of this network is set by itself": "spach_ms_hybrid",
        },
        "depths=3": {
            "widths has 3 entries but depths has 1": rest(ISOTROPIC, "spach_ms_hybrid"),
            "every block of this network is set by itself": "spach_ms_hybrid",
        },
        "widths=48+96+192": {ONE_WIDTH: ISOTROPIC},
        "widths=96": {THREE_WIDTHS: STAGED},
        "image_size=64": {"it needs a token MLP": rest("spach_mlp spach_ms_mlp")},
        "kernel_size=3": {
            ALREADY: BASELINES,
            TOO_SMALL: f"{REPARAM} replknet",
            NO_CONVOLUTION: SPACH,
        },
        "kernel_size=9": {NO_CONVOLUTION: SPACH},
        "kernel_size=9@3": {
            r"asks for stage \[3\], and the network has 1": "convnext_isotropic convmixer",
            NO_CONVOLUTION: SPACH,
        },
        "mixer=convolution:9": {},
        "mixer=attention": {**STRIDED, ALREADY: "spach_attn"},
        "mixer=attention:2": {**STRIDED, ALREADY: "spach_attn"},
        "mixer=attention@1": {
            ALREADY: "spach_attn",
            "in the last block strides the spatial convolution": "resnet_down_inverted_dw",
        },
        "mixer=token_mlp": {
            "a token MLP is built for one image size: give its side": rest(
                "spach_mlp spach_ms_mlp"
            ),
            ALREADY: "spach_mlp",
        },
        "mixer=token_mlp:32": {**STRIDED, ALREADY: "spach_mlp"},
        "mixer=none": {**STRIDED, ALREADY: "spach_conv spach_ms_conv"},
        "sharing=on": {
            "no two blocks of a stage have mixers of the same shape": (
                "resnet resnet_dw resnet_inverted_dw resnet_up_inverted_dw robust_dw "
                "robust_inverted_dw robust_up_inverted_dw spach_ms_hybrid"
            ),
            "parallel kernels have batch norms, which are each block's own": f"{REPARAM} replknet",
            "it needs a spatial mixer, and this network has none": "spach_conv spach_ms_conv",
        },
        "sharing=off": {
            ALREADY: rest("spach_conv spach_ms_conv"),
            "it needs a spatial mixer, and this network has none": "spach_conv spach_ms_conv",
        },
        "bypass=3": {ALREADY: SPACH},
        "bypass=5": {},
        "bypass=4": {"a bypass has an odd kernel": " ".join(FAMILIES)},
        "bypass=off": {
            "it takes a bypass away and there is none": rest(SPACH),
            "its blocks mix positions by the bypass alone": "spach_conv spach_ms_conv",
        },
        "reparameterise=1": {NO_CONVOLUTION: SPACH},
        "reparameterise=3": {
            TOO_SMALL: BASELINES,
            ALREADY: f"{REPARAM} replknet",
            NO_CONVOLUTION: SPACH,
        },
        "reparameterise=merged": {
            "it needs parallel kernels, and this network has none": rest(REPARAM, "replknet")
        },
        "norm=batch": {ALREADY: rest("convnext convnext_isotropic", SPACH)},
        "norm=layer": {ALREADY: f"convnext convnext_isotropic {SPACH}"},
        "norm=group": {},
        "norm=none": {},
        "activation=relu": {ALREADY: RESNETS},
        "activation=gelu": {ALREADY: rest(RESNETS, "replknet")},
        "activation=silu": {},
        "norms=spatial": {
            ALREADY: "robust_up_inverted_dw convnext convnext_isotropic",
            "parallel kernels have batch norms of their own": f"{REPARAM} replknet",
            "no branch of its blocks has the layer spatial": "spach_conv spach_ms_conv",
        },
        "norms=none": {ALREADY: REPARAM},
        "activations=pointwise_in": {
            ALREADY: f"{INVERTED} {REPARAM} convnext convnext_isotropic {SPACH}",
            "no branch of its blocks has the layer pointwise_in": "convmixer",
        },
        "activations=none": {},
        "activations=sum": {ALREADY: "robust_dw"},
        "expansion=3": {
            "narrow inside: it needs inverted_bottleneck": NARROW,
            "it needs two 1x1 layers with a width between them": "convmixer",
        },
        "layer_scale=1e-6": {
            "it scales the branches that mix positions": "spach_conv spach_ms_conv",
        },
        "layer_scale=off": {ALREADY: rest()},  # the small ones have none: test_official.py
        "drop_path_rate=0.3": {},
        "extra=grn": {"grn stands after pointwise_in, a layer that no .* has": "convmixer"},
        "extra=se:2": {},
        "extra=se:after=spatial": {
            "se stands after spatial, .*; there is extra=se:after=pointwise_out": (
                "spach_conv spach_ms_conv"
            ),
        },
        "extra=off": {"it takes a primitive out of the blocks, which have none": rest()},
        "fewer_activations": {
            ALREADY: f"{INVERTED} {REPARAM} convnext convnext_isotropic {SPACH}",
            "it needs two 1x1 convolutions in every block": "convmixer",
        },
        "fewer_norms": {
            "no other norms than the one after the spatial convolution": (
                f"robust_up_inverted_dw {REPARAM} convnext convnext_isotropic"
            ),
            "it needs a spatial convolution in every block": f"spach_conv {STAGED_SPACH}",
        },
        "depthwise": {NO_DENSE: rest("resnet")},
        "inverted_bottleneck": {"it needs a bottleneck that is narrow inside": rest(NARROW)},
        "move_depthwise_up": {
            ALREADY: (
                f"resnet_up_inverted_dw robust_up_inverted_dw {REPARAM} "
                "convnext convnext_isotropic convmixer"
            ),
            "there is none: it needs 'depthwise'": "resnet",
            "it moves a convolution in a row of layers, and these blocks have none": SPACH,
        },
        "separate_downsampling": {
            ALREADY: "convnext",
            "it needs stages that downsample": ISOTROPIC,
        },
        "blur_pool": {"blur pool needs a convolution with a stride": ISOTROPIC},
    }
)


def spec_of(family: str) -> ArchSpec:
    """The family's small network, with nothing that hides what a step does.

    No branch starts at 0, and none is dropped, which would make any two networks differ.
    """
    spec = SPECS["nano_" + family.replace("robust_", "robust_resnet_")]
    shown = replace(spec.init, zero_last_norm=False)
    return replace(spec, init=shown, drop_path_rate=0.0)


def run(spec: ArchSpec) -> tuple[Tensor, list[str]]:
    """Features after one forward and backward pass, and parameters without finite gradient."""
    model = build(spec, num_classes=3, seed=0)
    for module in model.modules():
        if isinstance(module, LayerScale):  # 1e-6 would hide a branch from single precision
            module.gamma.data.fill_(1e5 * module.initial)
    for placed in extras_of(model):  # GRN starts as the identity
        for parameter in placed.module.parameters():
            parameter.data.add_(0.1)
    side = spec.image_size or 32
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    features = model.forward_features(images)
    logits = model.forward_head(features)
    torch.autograd.backward(logits.sum() + features.square().mean())
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    return features.detach(), dead


@cache
def features_of(family: str) -> Tensor:
    return run(spec_of(family))[0]


def test_the_table_has_every_step() -> None:
    assert {text.partition("=")[0] for text in REFUSALS} == set(STEP_FACTORIES)


@pytest.mark.parametrize("text", REFUSALS)
def test_a_step_changes_every_family_or_says_why_it_cannot(text: str) -> None:
    step, refused = parse_step(text), REFUSALS[text]
    reasons = {name: reason for reason, names in refused.items() for name in names.split()}
    assert set(reasons) <= set(FAMILIES)
    for family in FAMILIES:
        spec = spec_of(family)
        if family in reasons:
            with pytest.raises(IllegalStep, match=reasons[family]):
                step.apply(spec)
            continue
        features, dead = run(step.apply(spec))
        assert not dead, (family, dead)
        before = features_of(family)
        assert features.shape != before.shape or not torch.equal(features, before), family
