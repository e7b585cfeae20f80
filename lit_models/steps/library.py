"""Steps written as text: `NAME` or `NAME=VALUE`, for experiments.yaml and the command line.

kernel_size=31            a number
depths=3+4+12+3           several, joined by +
mixer=attention@3+4       only in stages 3 and 4, counted from 1
mixer=token_mlp:32        with a size: here the image side that it is built for
bypass=off                away
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, NamedTuple, cast, get_args

from lit_models.families.convnext import LAYER_SCALE
from lit_models.registry.registry import Registry
from lit_models.space.components import ActivationKind, NormKind, Place
from lit_models.steps import macro, micro, mixing, step
from lit_models.steps.step import Step

Factory = Callable[[str, mixing.Stages], Step]
_OFF = "off"
_LARGEST = 100_000  # of any number in a step


def parse_step(text: str) -> Step:
    """The step that a text such as `kernel_size=31` names; its name is the text itself.

    Raises ValueError for an unknown name, with the nearest, and for a value that cannot be read,
    with what is expected.
    """
    call, at, places = text.strip().partition("@")
    name, _, value = call.partition("=")
    if name not in STEP_FACTORIES:
        near = get_close_matches(name, STEP_FACTORIES, n=3, cutoff=0.4) or STEP_FACTORIES
        raise ValueError(f"{text!r}: no step is named {name!r}; nearest: {', '.join(near)}")
    expected, factory, by_stage = STEP_FACTORIES[name]
    if at and not by_stage:
        raise ValueError(
            f"{text!r}: the step {name} is for all stages at once; leave @{places} out"
        )
    try:
        stages = tuple(map(int, places.split("+"))) if at else None
        step = factory(value, stages)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{text!r} cannot be read ({error}); expected {expected}") from None
    return replace(step, name=text.strip())


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST:
        raise ValueError(f"expected a number up to {_LARGEST:,}, found one of {len(text)} digits")
    return number


def _number(text: str) -> float:
    number = float(text)
    if not abs(number) <= _LARGEST:  # nor NaN
        raise ValueError(f"expected a number up to {_LARGEST:,}, found {number}")
    return number


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_whole(part) for part in text.split("+"))


def _one_of(text: str, names: Sequence[str]) -> Any:
    if text not in names:
        raise ValueError(f"{text!r} is none of {', '.join(names)}")
    return text


def _places(text: str) -> frozenset[Place]:
    parts = [] if text == "none" else text.split("+")
    return frozenset(cast("Place", _one_of(part, get_args(Place))) for part in parts)


def _or_off(text: str) -> str | None:
    return None if text == _OFF else text


def _mixer(text: str, stages: mixing.Stages) -> Step:
    kind, _, size = text.partition(":")
    chosen = _one_of(kind, mixing.MIXERS)
    return mixing.mixer(chosen, _whole(size) if size else None, stages=stages)


def _sharing(text: str, stages: mixing.Stages) -> Step:
    return mixing.sharing(_one_of(text, ("on", _OFF)) == "on", stages=stages)


def _reparameterise(text: str, _stages: mixing.Stages) -> Step:
    if text == "merged":
        return mixing.merge()
    return mixing.reparameterise(() if text == "none" else _numbers(text))


def _layout(text: str, _stages: mixing.Stages) -> Step:
    return {"isotropic": macro.isotropic, "pyramid": macro.pyramid}[text]()


def _bare(make: Callable[[], Step]) -> Factory:
    def factory(text: str, _stages: mixing.Stages) -> Step:
        if text:
            raise ValueError("it takes no value")
        return make()

    return factory


def _optional(make: Callable[[str], Step]) -> Factory:
    return lambda text, _stages: make(text)


class StepText(NamedTuple):
    """How a step is written."""

    example: str  # what its text looks like
    make: Factory  # how it is read
    by_stage: bool = False  # whether it can be for some stages


STEP_FACTORIES: Registry[StepText] = Registry("step")
STEP_FACTORIES.register(
    "patch_size", StepText("patch_size=8", _optional(lambda t: macro.patch_size(_whole(t))))
)
STEP_FACTORIES.register("layout", StepText("layout=isotropic or layout=pyramid", _layout))
STEP_FACTORIES.register(
    "depths", StepText("depths=3+4+12+3", _optional(lambda t: step.stage_ratio(_numbers(t))))
)
STEP_FACTORIES.register(
    "widths", StepText("widths=96+192+384+768", _optional(lambda t: step.width(_numbers(t))))
)
STEP_FACTORIES.register(
    "image_size", StepText("image_size=32", _optional(lambda t: macro.image_size(_whole(t))))
)
STEP_FACTORIES.register(
    "kernel_size",
    StepText(
        "kernel_size=31 or kernel_size=13@4",
        lambda t, stages: mixing.kernel_size(_whole(t), stages=stages),
        by_stage=True,
    ),
)
STEP_FACTORIES.register(
    "mixer",
    StepText(
        "mixer=convolution, mixer=attention@3+4, mixer=token_mlp:224 or mixer=none",
        _mixer,
        by_stage=True,
    ),
)
STEP_FACTORIES.register(
    "sharing", StepText("sharing=on, sharing=off or sharing=on@3", _sharing, by_stage=True)
)
STEP_FACTORIES.register(
    "bypass",
    StepText(
        "bypass=3 or bypass=off",
        _optional(lambda t: mixing.bypass(_whole(t) if _or_off(t) else None)),
    ),
)
STEP_FACTORIES.register(
    "reparameterise",
    StepText("reparameterise=5, reparameterise=5+1 or reparameterise=merged", _reparameterise),
)
STEP_FACTORIES.register(
    "norm",
    StepText("norm=layer", _optional(lambda t: micro.norm_kind(_one_of(t, get_args(NormKind))))),
)
STEP_FACTORIES.register(
    "activation",
    StepText(
        "activation=gelu",
        _optional(lambda t: micro.activation_kind(_one_of(t, get_args(ActivationKind)))),
    ),
)
STEP_FACTORIES.register(
    "norms",
    StepText(
        "norms=spatial or norms=pointwise_in+spatial",
        _optional(lambda t: micro.norms_at(_places(t))),
    ),
)
STEP_FACTORIES.register(
    "activations",
    StepText(
        "activations=pointwise_in or activations=pointwise_in+sum",
        _optional(lambda t: micro.activations_at(_places(t))),
    ),
)
STEP_FACTORIES.register(
    "expansion", StepText("expansion=4", _optional(lambda t: micro.expansion(_number(t))))
)
STEP_FACTORIES.register(
    "layer_scale",
    StepText(
        "layer_scale=1e-6 or layer_scale=off",
        _optional(lambda t: micro.layer_scale(_number(t) if _or_off(t) else None)),
    ),
)
STEP_FACTORIES.register("fewer_activations", StepText("no value", _bare(step.fewer_activations)))
STEP_FACTORIES.register(
    "fewer_norms", StepText("no value", _bare(lambda: step.fewer_norms(layer_scale=LAYER_SCALE)))
)
STEP_FACTORIES.register("depthwise", StepText("no value", _bare(step.depthwise)))
STEP_FACTORIES.register(
    "inverted_bottleneck", StepText("no value", _bare(step.inverted_bottleneck))
)
STEP_FACTORIES.register("move_depthwise_up", StepText("no value", _bare(step.move_depthwise_up)))
STEP_FACTORIES.register(
    "separate_downsampling", StepText("no value", _bare(step.separate_downsampling))
)
STEP_FACTORIES.register("blur_pool", StepText("no value", _bare(step.blur_pool)))
