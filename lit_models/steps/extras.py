"""The step that puts a primitive into the blocks, or takes it out.

extra=grn                              where its source has it
extra=se:8                             its first option
extra=se:gate=hard_sigmoid+after=spatial@3+4
extra=se:off, extra=off                without it, without any
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lit_models.primitives.primitive import ROLES, Primitive, Role
from lit_models.primitives.table import primitive
from lit_models.registry.names import nearest
from lit_models.space.spec import ArchSpec, Block, Branch, Extra, ExtraOption
from lit_models.steps.factories import named
from lit_models.steps.stages import Stages, check_stages, in_stage, where
from lit_models.steps.step import Step, need
from lit_models.steps.text_values import OFF, one_of

_AFTER = "after"


@dataclass(frozen=True)
class Wanted:
    """What a text asks for: a primitive in the blocks, or none of that name (None: of any)."""

    extra: Extra | None
    removed: str | None = None


def wanted(text: str) -> Wanted:
    """What the value of the step says; raises ValueError, with what is expected."""
    name, colon, rest = text.partition(":")
    if name == OFF and not colon:
        return Wanted(None)
    known = primitive(name)
    if rest == OFF:
        return Wanted(None, removed=name)
    after, options = [], []
    for index, part in enumerate(rest.split("+") if colon else ()):
        key, equals, value = part.partition("=")
        if equals and key == _AFTER:
            after.append(one_of(ROLES)(value))
        else:
            options.append(_option(known, key, value) if equals else _first(known, part, index))
    need(len(after) < 2, f"it stands after one layer, found {' and '.join(after)}")
    return Wanted(Extra(name, (after or known.after)[0], tuple(options)))


def _first(known: Primitive, value: str, index: int) -> ExtraOption:
    """The first option by its value alone, which only the first part of a text may be."""
    if index or not known.options:
        raise ValueError(f"{value!r} is no option of {known.name}: write OPTION=VALUE")
    return _option(known, next(iter(known.options)), value)


def _option(known: Primitive, name: str, value: str) -> ExtraOption:
    if name not in known.options:
        raise ValueError(
            f"the primitive {known.name} has no option {name!r}. {nearest(name, known.options)}"
        )
    return ExtraOption(name, known.options[name].parsed(value))


@named(
    "extra",
    "extra=grn, extra=se:16, extra=se:gate=hard_sigmoid+after=spatial@3+4, extra=se:off or "
    "extra=off",
    "a primitive in the blocks, after one of their layers, or out of them",
    source="ours",
    read=wanted,
    by_stage=True,
)
def extra(change: Wanted, *, stages: Stages = None) -> Step:
    """A primitive after a layer of every branch that has this layer, or taken out again."""
    if change.extra is None:
        return _without(change.removed, stages)
    put = change.extra
    known = primitive(put.name)

    def on_branch(branch: Branch) -> Branch:
        if put.after not in branch.layers:
            return branch
        same = [one for one in branch.extras if (one.name, one.after) == (put.name, put.after)]
        if same:
            kept = tuple(put if one in same else one for one in branch.extras)
            return replace(branch, extras=kept)
        return replace(branch, extras=(*branch.extras, put))

    def edit(spec: ArchSpec) -> ArchSpec:
        _need_layer(spec, put)
        return _edit(spec, stages, on_branch)

    said = "".join(f" {option.name} {option.value}" for option in put.options)
    return Step(
        "extra",
        f"{known.title}{said}{where(stages)}",
        f"{known.summary}, after {put.after}{said}{where(stages)}",
        edit,
        source=known.source,
    )


def _without(name: str | None, stages: Stages) -> Step:
    def on_branch(branch: Branch) -> Branch:
        kept = tuple(one for one in branch.extras if name is not None and one.name != name)
        return replace(branch, extras=kept)

    def edit(spec: ArchSpec) -> ArchSpec:
        found = spec.primitives()
        need(
            bool(found) and name in {None, *found},
            f"it takes {name or 'a primitive'} out of the blocks, which have "
            f"{', '.join(sorted(found)) or 'none'}",
        )
        return _edit(spec, stages, on_branch)

    title = f"no {'extras' if name is None else primitive(name).title}{where(stages)}"
    summary = f"blocks without {name or 'primitives'}{where(stages)}"
    return Step("extra", title, summary, edit)


def _need_layer(spec: ArchSpec, put: Extra) -> None:
    there = {role for branch in spec.branches() for role in branch.layers}
    legal: list[Role] = [role for role in primitive(put.name).after if role in there]
    need(
        put.after in there,
        f"{put.name} stands after {put.after}, a layer that no branch of these blocks has; "
        + (
            f"there is extra={put.name}:after={legal[0]}"
            if legal
            else f"they have {', '.join(sorted(there))}"
        ),
    )


def _edit(spec: ArchSpec, stages: Stages, on_branch: Callable[[Branch], Branch]) -> ArchSpec:
    def on_block(stage: int, _index: int, block: Block) -> Block:
        if not in_stage(stages, stage):
            return block
        return Block(tuple(map(on_branch, block.branches)))

    check_stages(spec, stages)
    return spec.edit_blocks(on_block)
