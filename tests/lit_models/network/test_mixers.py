"""Attention, token MLPs, sharing and bypass: against plain formulations, and their errors."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lit_models import SPECS, IllegalSpec, TrainingConfig, build
from lit_models.network.mixers import Attention, TokenMlp
from lit_models.space.components import Spatial
from lit_models.steps.library import parse_step
from lit_models.training.ema import create_ema

MAP = torch.randn(2, 12, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_attention_is_pytorchs_multi_head_attention_over_positions() -> None:
    ours = Attention(12, heads=3).double()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight)
        theirs.in_proj_bias.copy_(ours.qkv.bias.normal_())
        theirs.out_proj.weight.copy_(ours.proj.weight)
        theirs.out_proj.bias.copy_(ours.proj.bias)
    tokens = MAP.flatten(2).transpose(1, 2)
    expected, _ = theirs(tokens, tokens, tokens)
    found = ours(MAP).flatten(2).transpose(1, 2)
    assert (found - expected).abs().max() < 1e-12


def test_a_token_mlp_mixes_positions_of_each_channel_alike() -> None:
    mixer = TokenMlp(15, hidden=7, activation=nn.GELU()).double()
    found = mixer(MAP)
    rows = MAP.flatten(2).reshape(-1, 15)
    values = mixer.state_dict()
    hidden = nn.functional.gelu(rows @ values["fc1.weight"].T + values["fc1.bias"])
    expected = (hidden @ values["fc2.weight"].T + values["fc2.bias"]).view_as(MAP)
    assert (found - expected).abs().max() < 1e-12


def test_a_token_mlp_refuses_another_number_of_positions() -> None:
    with pytest.raises(ValueError, match=r"maps of 15 positions and got 4x4: build the network"):
        TokenMlp(15, hidden=7, activation=nn.GELU())(torch.zeros(1, 2, 4, 4))
    network = build("nano_spach_mlp", num_classes=2)
    with pytest.raises(ValueError, match="image_size"):
        network(torch.zeros(1, 3, 64, 64))
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


def test_shared_mixers_are_one_module_and_norms_scales_and_bypasses_are_not() -> None:
    shared = parse_step("sharing=on").apply(SPECS["nano_spach_attn"])
    network: Any = build(shared)
    first, second = (block[0] for block in network.stages[0].blocks[:2])
    assert first.layers.spatial.mixer is second.layers.spatial.mixer
    assert first.norm_in is not second.norm_in
    assert first.bypass is not second.bypass
    assert first.scale is not second.scale
    own = build(SPECS["nano_spach_attn"])
    mixer = sum(p.numel() for p in first.layers.spatial.mixer.parameters())
    saved = sum(p.numel() for p in own.parameters()) - sum(
        p.numel() for p in build(shared).parameters()
    )
    assert saved == 3 * mixer  # four blocks


def test_the_average_moves_a_shared_weight_once_a_step() -> None:
    shared = parse_step("sharing=on").apply(SPECS["nano_spach_attn"])
    network = build(shared, num_classes=2, seed=0)
    ema = create_ema(network, TrainingConfig(ema_decay=0.9, ema_warmup=False))
    assert ema is not None
    before = {name: value.clone() for name, value in ema.module.named_parameters()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    ema.update(network, step=10)
    for name, value in ema.module.named_parameters():
        assert torch.allclose(value, before[name] + 0.1, atol=1e-6), name


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "attention"}, "kernel size exactly when it convolves"),
        ({"kind": "dense", "kernel_size": None}, "kernel size exactly when it convolves"),
        ({"kind": "depthwise", "heads": 2}, "only attention has heads"),
        ({"kind": "attention", "kernel_size": None, "expands": True}, "keeps the number"),
        ({"kind": "depthwise", "kernel_size": 5, "parallel_kernels": (5,)}, "odd and smaller"),
        ({"kind": "depthwise", "kernel_size": 6, "parallel_kernels": (3,)}, "odd and smaller"),
        ({"kind": "token_mlp", "kernel_size": None, "token_ratio": 0.0}, "token_ratio is positive"),
    ],
)
def test_mixers_that_are_none_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(IllegalSpec, match=reason):
        Spatial(**changes)  # type: ignore[arg-type]


def test_heads_divide_the_channels() -> None:
    spec = SPECS["nano_spach_attn"]
    with pytest.raises(IllegalSpec, match="64 channels do not divide into 5 attention heads"):
        parse_step("mixer=attention:5").edit(spec)
    with pytest.raises(IllegalSpec, match="exactly when it has a token MLP"):
        replace(spec, image_size=32)
    with pytest.raises(IllegalSpec, match=r"8 px leaves no map in stages \[3, 4\]"):
        replace(SPECS["spach_ms_xxs_patch4_224_mlp"], image_size=8)
    with pytest.raises(IllegalSpec, match="image_size 30 is no multiple of the total stride 4"):
        replace(SPECS["nano_spach_mlp"], image_size=30)
    with pytest.raises(IllegalSpec, match="on 1 positions has nothing inside"):
        replace(SPECS["nano_spach_mlp"], image_size=4)
