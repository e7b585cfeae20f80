"""A trajectory: a start spec, ordered steps, and the settings that were tried beside a step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lit_models.space.spec import ArchSpec
from lit_models.steps.library import TextEdit
from lit_models.steps.step import Step, apply_steps

START = "start"  # the step name of the point before any step
_OUTLINE_KEYS = ("name", "title", "start_title", "image_size", "published")
_STEP_KEYS = ("name", "title", "summary", "texts", "group", "source")


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What a trajectory is called, with its steps: all that a report needs of it.

    `alternatives` maps the name of a step to other settings of it; each takes the step's place.
    `published` names the curve in the published results, when there is one.
    """

    name: str
    title: str
    start_title: str
    steps: tuple[Step, ...]
    image_size: int
    alternatives: Mapping[str, tuple[Step, ...]]
    published: str | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """Every step and alternative of the trajectory by its name."""
        others = [step for tried in self.alternatives.values() for step in tried]
        return {step.name: step for step in (*self.steps, *others)}

    @property
    def step_names(self) -> tuple[str, ...]:
        """Names of the main steps, in order."""
        return tuple(step.name for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class Trajectory(Outline):
    """A line through the design space.

    `start_from` is how the start is written, [NETWORK, STEP...], where it is not made in Python.
    """

    start: ArchSpec
    start_from: tuple[str, ...] = ()

    def apply(self, names: Sequence[str]) -> ArchSpec:
        """The start after these steps, in this order; a set of them is one network in any order.

        Raises KeyError for a step that the trajectory does not have, ValueError where one cannot be
        applied, or where two are settings of one step, of which the later would win.
        """
        for main, tried in self.alternatives.items():
            chosen = [name for name in names if name in {main, *(step.name for step in tried)}]
            if len(chosen) > 1:
                raise ValueError(
                    f"{' and '.join(chosen)} are settings of one step: a network has one of them"
                )
        return apply_steps(self.start, [self.by_name[name] for name in names])

    def texts_of(self, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """What steps are in the step language."""
        return tuple(self.by_name[name].texts for name in names)

    def spec_after(self, name: str) -> ArchSpec:
        """The spec after the main steps up to `name`; START is none of them.

        An alternative takes its step's place.

        Raises KeyError when the trajectory has no such step.
        """
        if name == START:
            return self.start
        tried = {
            alternative.name: main
            for main, group in self.alternatives.items()
            for alternative in group
        }
        last = self.step_names.index(tried.get(self.by_name[name].name, name))
        return apply_steps(self.start, (*self.steps[:last], self.by_name[name]))


def outline_to_plain(outline: Outline) -> dict[str, Any]:
    """An outline as plain data, for JSON."""
    plain = {key: getattr(outline, key) for key in _OUTLINE_KEYS}
    tried = {name: [_plain(step) for step in steps] for name, steps in outline.alternatives.items()}
    steps = [_plain(step) for step in outline.steps]
    return {**plain, "steps": steps, "alternatives": tried}


def outline_from_plain(plain: Mapping[str, Any]) -> Outline:
    """The outline that `outline_to_plain` wrote; its texts are not read before they are used.

    Raises KeyError where a key is missing.
    """
    tried = {name: tuple(map(_from_plain, steps)) for name, steps in plain["alternatives"].items()}
    steps = tuple(map(_from_plain, plain["steps"]))
    own = {key: plain[key] for key in _OUTLINE_KEYS}
    return Outline(**own, steps=steps, alternatives=tried)


def _plain(step: Step) -> dict[str, Any]:
    return {key: getattr(step, key) for key in _STEP_KEYS}


def _from_plain(plain: Mapping[str, Any]) -> Step:
    texts = tuple(plain["texts"])
    words = {key: plain[key] for key in _STEP_KEYS}
    return Step(**{**words, "texts": texts}, edit=TextEdit(texts))
