"""The official networks at full size under their names, and one call for any of them."""

from dataclasses import dataclass, replace
from types import MappingProxyType

from torch import Tensor

from tests.support.official_forward import convmixer, convnext, replknet, robust_resnet, spach
from tests.support.official_forward.convmixer import ConvMixer
from tests.support.official_forward.convnext import ConvNeXt
from tests.support.official_forward.replknet import RepLKNet
from tests.support.official_forward.robust_resnet import RobustResNet
from tests.support.official_forward.spach import Mixer, Spach

Config = ConvMixer | ConvNeXt | RepLKNet | RobustResNet | Spach

_MODULES = MappingProxyType(
    {
        ConvMixer: convmixer,
        ConvNeXt: convnext,
        RepLKNet: replknet,
        RobustResNet: robust_resnet,
        Spach: spach,
    }
)


def random_state(config: Config, *, seed: int = 0, device: str = "cpu") -> dict[str, Tensor]:
    """A state dict of the network in its official key layout, every value drawn."""
    draw = _MODULES[type(config)].random_state
    state: dict[str, Tensor] = draw(config, seed=seed, device=device)
    return state


def forward(state: dict[str, Tensor], images: Tensor, config: Config) -> Tensor:
    """Images `(N, 3, H, W)` to logits."""
    logits: Tensor = _MODULES[type(config)].forward(state, images, config)
    return logits


@dataclass(frozen=True)
class _Size:
    dim: int
    attn_dim: int
    ratio: int


def _single(size: _Size, mixer: Mixer, *, depth: int) -> Spach:
    dim = size.attn_dim if mixer == "attn" else size.dim
    return Spach(dim, dim // 32, size.ratio, ((mixer,) * depth,))


def _multi(size: _Size, mixer: Mixer, depths: tuple[int, ...]) -> Spach:
    dim = size.attn_dim if mixer == "attn" else size.dim
    conv: Mixer = "pass"
    first = (conv,) * depths[0]
    later: tuple[tuple[Mixer, ...], ...] = tuple((mixer,) * depth for depth in depths[1:])
    return Spach(dim, dim // 32, size.ratio, (first, *later))


def _spach() -> dict[str, Config]:
    found: dict[str, Spach] = {}
    single = {
        "xxs": (_Size(384, 192, 2), 12, 12),
        "xs": (_Size(384, 384, 2), 24, 12),
        "s": (_Size(512, 512, 3), 24, 12),
    }
    for name, (size, depth, attn_depth) in single.items():
        stem = f"spach_{name}_patch16_224"
        found[f"{stem}_conv"] = _single(size, "pass", depth=depth)
        found[f"{stem}_mlp"] = _single(size, "mlp", depth=depth)
        found[f"{stem}_attn"] = _single(size, "attn", depth=attn_depth)
    multi = {
        "xxs": (_Size(64, 32, 2), (2, 2, 6, 2)),
        "xs": (_Size(96, 64, 2), (3, 4, 12, 3)),
        "s": (_Size(128, 96, 3), (3, 4, 12, 3)),
    }
    mixers: dict[str, Mixer] = {"conv": "pass", "mlp": "mlp", "attn": "attn"}
    for name, (size, depths) in multi.items():
        for suffix, mixer in mixers.items():
            found[f"spach_ms_{name}_patch4_224_{suffix}"] = _multi(size, mixer, depths)
    late: tuple[tuple[Mixer, ...], ...] = (
        ("pass",) * 2 + ("attn",) * 10,
        ("pass", "attn", "attn"),
    )
    xs = Spach(96, 3, 2, (("pass",) * 3, ("pass",) * 4, *late))
    s = Spach(128, 4, 3, (("pass",) * 3, ("pass", "pass", "attn", "attn"), *late))
    found["spach_ms_xs_patch4_224_hybrid"], found["spach_ms_s_patch4_224_hybrid"] = xs, s
    for name, config in list(found.items()):
        found[f"{name}__shared"] = replace(config, shared=True)
        found[f"{name}__conv4"] = replace(config, conv_stem=True)
        found[f"{name}__nocpe"] = replace(config, cpe=False)
        found[f"{name}__noscale"] = replace(config, scaled=False)
    return dict(found)


def _convnext_v2() -> dict[str, Config]:
    small, large = (2, 2, 6, 2), (3, 3, 27, 3)
    sizes = {
        "atto": (small, 40),
        "femto": (small, 48),
        "pico": (small, 64),
        "nano": ((2, 2, 8, 2), 80),
        "tiny": ((3, 3, 9, 3), 96),
        "base": (large, 128),
        "large": (large, 192),
        "huge": (large, 352),
    }
    return {
        f"convnextv2_{name}": ConvNeXt(
            depths, tuple(dim << stage for stage in range(4)), layer_scale=False, grn=True
        )
        for name, (depths, dim) in sizes.items()
    }


def named() -> dict[str, Config]:
    """Every official network by name, and every SPACH network with each of its flags."""
    small, base = (3, 3, 27, 3), (128, 256, 512, 1024)
    xl = RepLKNet((2, 2, 18, 2), (256, 512, 1024, 2048), (27, 27, 27, 13), None, 1.5)
    large = RepLKNet((2, 2, 18, 2), (192, 384, 768, 1536), (31, 29, 27, 13))
    replknets = {
        "replknet_31b": replace(large, dims=base),
        "replknet_31l": large,
        "replknet_xl": xl,
    }
    robusts = {
        "robust_resnet_dw_small": RobustResNet("dw", (3, 4, 12, 3), 11),
        "robust_resnet_inverted_dw_small": RobustResNet("inverted_dw", (3, 4, 14, 3), 7),
        "robust_resnet_up_inverted_dw_small": RobustResNet("up_inverted_dw", (3, 4, 14, 3), 11),
        "robust_resnet_down_inverted_dw_small": RobustResNet("down_inverted_dw", (3, 4, 15, 3), 11),
    }
    return {
        "convmixer_1536_20": ConvMixer(1536, 20, 9, 7),
        "convmixer_768_32": ConvMixer(768, 32, 7, 7, "relu"),
        "convmixer_1024_20": ConvMixer(1024, 20, 9, 14),
        "convmixer_512_12_k8_p14": ConvMixer(512, 12, 8, 14),
        "convnext_tiny": ConvNeXt((3, 3, 9, 3), (96, 192, 384, 768)),
        "convnext_small": ConvNeXt(small, (96, 192, 384, 768)),
        "convnext_base": ConvNeXt(small, base),
        "convnext_large": ConvNeXt(small, (192, 384, 768, 1536)),
        "convnext_xlarge": ConvNeXt(small, (256, 512, 1024, 2048)),
        "convnext_isotropic_small": ConvNeXt((18,), (384,), isotropic=True, layer_scale=False),
        "convnext_isotropic_base": ConvNeXt((18,), (768,), isotropic=True, layer_scale=False),
        "convnext_isotropic_large": ConvNeXt((36,), (1024,), isotropic=True, layer_scale=False),
        # the command that trained the released weights leaves the layer scale on
        "convnext_isotropic_large__scale": ConvNeXt((36,), (1024,), isotropic=True),
        **_convnext_v2(),
        **robusts,
        **{f"{name}__scale": replace(it, scaled=True) for name, it in robusts.items()},
        **replknets,
        **{f"{name}_merged": replace(it, merged=True) for name, it in replknets.items()},
        **_spach(),
    }
