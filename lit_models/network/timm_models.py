"""Our networks in timm's registry: import this module, and `timm.create_model` knows them.

Names: `lit_<network>` for a named spec (`lit_convnext_tiny`), `lit_<network>_merged` for its merged
form where it has parallel kernels, and `lit_<trajectory>_<step>` for every point of a trajectory
(`lit_convnext_nano_kernel_size`, `lit_convnext_nano_start`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

from lit_models.families.specs import SPECS
from lit_models.network.backbone import Backbone
from lit_models.network.initialise import initialise
from lit_models.space.spec import ArchSpec, merged_spec
from lit_models.steps.trajectories import START, TRAJECTORIES

PREFIX = "lit_"


def names() -> dict[str, tuple[ArchSpec, int]]:
    """Every registered name with its spec and image size (px)."""
    merged = {f"{name}_merged": merged_spec(spec) for name, spec in SPECS.items()}
    merged = {name: spec for name, spec in merged.items() if spec not in SPECS.values()}
    every = {**SPECS, **merged}
    named = {PREFIX + name: (spec, spec.image_size or 224) for name, spec in every.items()}
    for trajectory in TRAJECTORIES.values():
        for step in (START, *trajectory.by_name):
            spec = trajectory.spec_after(step)
            named[f"{PREFIX}{trajectory.name}_{step}"] = (spec, trajectory.image_size)
    return named


def _make(
    spec: ArchSpec,
    *,
    num_classes: int = 1000,
    in_chans: int = 3,
    drop_rate: float = 0.0,
    drop_path_rate: float | None = None,
    global_pool: str = "avg",
    img_size: int | tuple[int, int] | None = None,
) -> Backbone:
    if img_size is not None:
        spec = replace(spec, image_size=_side(img_size))
    rate = spec.drop_path_rate if drop_path_rate is None else drop_path_rate
    head = replace(spec.head, dropout=drop_rate or spec.head.dropout)
    spec = replace(spec, drop_path_rate=rate, head=head)
    model = Backbone(spec, num_classes=num_classes, in_chans=in_chans)
    initialise(model, spec.init)
    if global_pool != "avg":
        model.reset_classifier(num_classes, global_pool)
    return model


def _side(img_size: int | tuple[int, int]) -> int:
    """The side (px) of square images; raises ValueError for others."""
    sides = {img_size} if isinstance(img_size, int) else set(img_size)
    if len(sides) != 1:
        raise ValueError(f"img_size is {img_size}, but only square images are taken")
    return sides.pop()


def _entry(name: str, spec: ArchSpec) -> Callable[..., Backbone]:
    def create(pretrained: bool = False, **options: Any) -> Backbone:  # noqa: FBT001, FBT002
        if pretrained:
            raise ValueError(
                f"{name} has no pretrained weights; lit_models.load_official takes published ones"
            )
        return build_model_with_cfg(
            lambda **kwargs: _make(spec, **kwargs),
            name,
            False,
            feature_cfg={"out_indices": tuple(range(len(spec.depths))), "flatten_sequential": True},
            **options,
        )

    create.__name__ = create.__qualname__ = name
    create.__module__ = __name__
    return create


_NAMES = names()
default_cfgs = generate_default_cfgs(
    {
        name: {
            "num_classes": 1000,
            "input_size": (3, size, size),
            "first_conv": "stem.0.conv",
            "classifier": "head.fc",
            "fixed_input_size": spec.image_size is not None,  # timm: is built with an img_size
        }
        for name, (spec, size) in _NAMES.items()
    }
)
for _name, (_spec, _) in _NAMES.items():
    register_model(_entry(_name, _spec))
