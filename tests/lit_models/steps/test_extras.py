"""The step that puts primitives into blocks: where they stand, what it says, from V1 to V2."""

from dataclasses import replace

import pytest

from lit_models import SPECS, ArchSpec, IllegalStep, apply_steps, difference, parse_step
from lit_models.space.spec import Extra, ExtraOption


def after(*texts: str, base: str = "nano_convnext") -> ArchSpec:
    return apply_steps(SPECS[base], map(parse_step, texts))


def extras(spec: ArchSpec) -> list[tuple[Extra, ...]]:
    """Of the first branch of each block."""
    return [
        spec.block_at(stage, index).branches[0].extras
        for stage, depth in enumerate(spec.depths)
        for index in range(depth)
    ]


@pytest.mark.parametrize("size", ["tiny", "base", "large"])
def test_two_steps_lead_from_convnext_to_its_second_version(size: str) -> None:
    v2 = SPECS[f"convnextv2_{size}"]
    found = after("layer_scale=off", "extra=grn", base=f"convnext_{size}")
    assert replace(found, drop_path_rate=v2.drop_path_rate) == v2


def test_options_and_the_place_are_read() -> None:
    spec = after("extra=se:8+gate=hard_sigmoid+after=spatial@3")
    put = Extra("se", "spatial", (ExtraOption("gate", "hard_sigmoid"), ExtraOption("reduction", 8)))
    assert extras(spec) == [(), (), (put,), (put,), (put,)]


def test_primitives_at_one_place_stand_in_the_order_of_the_steps() -> None:
    spec = after("extra=se:after=spatial", "extra=grn:after=spatial", "extra=se:4+after=spatial")
    assert [one.name for one in extras(spec)[0]] == ["se", "grn"]
    assert extras(spec)[0][0].values["reduction"] == 4


def test_one_or_all_are_taken_out_again() -> None:
    both = ("extra=se", "extra=grn")
    assert after(*both, "extra=se:off") == after("extra=grn")
    assert after(*both, "extra=off") == SPECS["nano_convnext"]
    only = extras(after(*both, "extra=off@1+2"))
    assert [len(one) for one in only] == [0, 0, 2, 2, 2]


def test_what_changed_is_said_once() -> None:
    path = "blocks[0].branches[0].extras[0]"
    assert difference(SPECS["nano_convnext"], after("extra=grn")) == (
        (f"{path}.name", None, "grn"),
        (f"{path}.after", None, "pointwise_in"),
        (f"{path}.options", None, []),
    )


def test_titles_say_what_is_put_where() -> None:
    step = parse_step("extra=se:8@3")
    assert step.title == "SE reduction 8 in stage 3"
    assert step.source == "arXiv 1709.01507, Section 3"
    assert parse_step("extra=grn").title == "GRN"
    assert parse_step("extra=grn:off").title == "no GRN"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("extra=gnr", "there is no primitive 'gnr'. Did you mean grn"),
        ("extra=", "there is no primitive ''"),
        ("extra=se:", "reduction is a whole number from 1 to 1024, found ''"),
        ("extra=se:8+16", "'16' is no option of se: write OPTION=VALUE"),
        ("extra=se:ratio=8", "the primitive se has no option 'ratio'. .*Valid: activation, "),
        ("extra=se:reduction=0.5", "reduction is a whole number from 1 to 1024, found '0.5'"),
        ("extra=se:gate=", "gate is one of sigmoid, hard_sigmoid, found ''"),
        ("extra=se:after=sum", "'sum' is none of pointwise_in, spatial, pointwise_out"),
        ("extra=se:8+reduction=8", "se has twice the option 'reduction'"),
        ("extra=off:1", "there is no primitive 'off'"),
    ],
)
def test_what_is_no_primitive_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_step(text)


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (("extra=grn", "extra=grn"), "changes nothing here: the network already has it"),
        (("extra=grn", "extra=se:off"), "it takes se out of the blocks, which have grn"),
        (("extra=grn@7",), r"asks for stage \[7\], and the network has 3"),
        (
            ("extra=se:after=spatial", "mixer=none"),
            "the primitive se stands after spatial: this branch only has the layers",
        ),
    ],
)
def test_what_cannot_be_applied_is_refused(texts: tuple[str, ...], reason: str) -> None:
    with pytest.raises(IllegalStep, match=reason):
        after(*texts)
