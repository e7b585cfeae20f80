"""Key layouts: how the state dicts of other repositories name the parameters of our networks.

A `Layout` is a row of rules, each a name of ours and the name there (no torch). In a rule

    {s}       our side: a number, which gets that name; the other side: the number, and {s+1},
              {s-1}, {2*b}, {2*b+1} are numbers made from it
    {last}    the index of the stem's last convolution
    {depth}   the number of blocks
    *         our side: any one name; the other side: the rest of a name (`norm*` is norm1 too)
    .**       the other side, at the end: any names below, or none

A rule holds for the module of that name, and so for its parameters, or for a parameter. The first
rule that holds for a key of ours gives its name there. Stars are for leaf names that the
description of a layout leaves open: several of our keys may then have one name, and shapes and
order tell them apart (`lit_models.weights.key_match`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

Rules = tuple[tuple[str, str], ...]
BRANCH = "stages.{s}.blocks.{b}.0"  # our first branch of a block

_BRACES = re.compile(r"\{(?:(\d+)\*)?([a-z]+)([+-]\d+)?\}")
_LEAF = r"(?:\.(?:weight|bias|running_mean|running_var|num_batches_tracked))?"
_BLOCK = re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.")
_STEM = re.compile(r"stem\.(\d+)\.")


@dataclass(frozen=True)
class Layout:
    """The key layout of a repository; a network has it when `names` names every key of ours."""

    name: str  # as in "these are keys of {name}"
    rules: Rules
    timm: bool = False
    linear: str = ""  # a regular expression: weights there of linear layers, here of convolutions
    linear_from: int = 0  # ... where the first stage is at least that wide
    needs: str = ""  # a regular expression that some key of the network begins with
    ordered: bool = False  # layers of a block come in the order of the rules, not in any

    def names(self, keys: Iterable[str]) -> dict[str, str] | None:
        """The name there, perhaps with stars, of each of our keys; None: another network."""
        keys = tuple(keys)
        numbers = _numbers(keys)
        rules = [(_ours(ours, numbers), theirs) for ours, theirs in self.rules]
        named: dict[str, str] = {}
        places: list[tuple[str, int]] = []  # block and rule of each key
        for key in keys:
            matches = ((index, rule[0].match(key)) for index, rule in enumerate(rules))
            index, found = next(((i, m) for i, m in matches if m is not None), (0, None))
            if found is None:
                return None
            values = {**numbers, **{k: int(v) for k, v in found.groupdict().items()}}
            named[key] = _fill(rules[index][1], values) + key[found.end() :]
            block = _BLOCK.match(key)
            places.append((block[0] if block else "", index))
        fits = any(re.match(self.needs, key) for key in keys)
        return named if fits and not (self.ordered and _out_of_order(places)) else None

    def is_linear(self, name: str, *, width: int) -> bool:
        """Whether the tensor of that name there is `(out, in)` and ours `(out, in, 1, 1)`.

        `width` is the width of the network's first stage.
        """
        if width < self.linear_from:
            return False
        return bool(self.linear) and re.search(self.linear, name) is not None

    def count(self, keys: Iterable[str]) -> int:
        """How many of these keys of another repository could be of this layout."""
        patterns = [_theirs(_BRACES.sub("{n}", theirs), leaf=_LEAF) for _, theirs in self.rules]
        return sum(any(p.fullmatch(key) for p in patterns) for key in keys)


def blocks(ours: str, theirs: str, rules: Rules) -> Rules:
    """Rules below a branch of ours and a block there."""
    return tuple((f"{ours}.{name}", f"{theirs}.{there}") for name, there in rules)


def one_stage(rules: Rules) -> Rules:
    """The same rules for networks whose only stage is stage 0."""
    return tuple((name.replace("stages.{s}", "stages.0"), there) for name, there in rules)


def is_open(name: str) -> bool:
    """Whether a name of `Layout.names` has stars."""
    return "*" in name


def fitting(name: str, keys: Iterable[str]) -> list[str]:
    """The keys that a name of `Layout.names` may mean, in their order."""
    pattern = _theirs(name)
    return [key for key in keys if pattern.fullmatch(key)]


def _out_of_order(places: Iterable[tuple[str, int]]) -> bool:
    return any(a[0] == b[0] != "" and a[1] > b[1] for a, b in pairwise(places))


def _numbers(keys: Iterable[str]) -> dict[str, int]:
    """What {last} and {depth} are for a network with these keys."""
    blocks, stem = set(), [0]
    for key in keys:
        if found := _BLOCK.match(key):
            blocks.add(found.groups())
        elif found := _STEM.match(key):
            stem.append(int(found[1]))
    return {"last": max(stem), "depth": len(blocks)}


def _ours(rule: str, numbers: Mapping[str, int]) -> re.Pattern[str]:
    def brace(found: re.Match[str]) -> str:
        name = found[2]
        return str(numbers[name]) if name in numbers else rf"(?P<{name}>\d+)"

    text = rule.replace(".", r"\.").replace("*", r"[^.]+")
    return re.compile(_BRACES.sub(brace, text) + r"(?=(?:\.[^.]+)?$)")


def _fill(rule: str, numbers: Mapping[str, int]) -> str:
    def brace(found: re.Match[str]) -> str:
        return str(int(found[1] or 1) * numbers[found[2]] + int(found[3] or 0))

    return _BRACES.sub(brace, rule)


@lru_cache(maxsize=4096)
def _theirs(name: str, *, leaf: str = "") -> re.Pattern[str]:
    text = re.escape(name).replace(re.escape("{n}"), r"\d+")
    text = text.replace(r"\.\*\*", r"(?:\.[^.]+)*").replace(r"\*", r"[^.]*")
    return re.compile(text + leaf)
