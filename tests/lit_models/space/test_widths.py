"""Widths for a budget: near enough, in the network's own proportions, and the same every time."""

import pytest

from lit_models import SPECS, TRAJECTORIES, parse_step
from lit_models.space.arrangement import Arrangement
from lit_models.space.cost import closed_cost
from lit_models.space.illegal import IllegalSpec
from lit_models.space.spec import ArchSpec
from lit_models.space.widths import Solution, solve_widths
from lit_models.steps.trajectory import Trajectory

LINE = TRAJECTORIES["convnext_nano"]
FULL = TRAJECTORIES["resnet50_to_convnext_t"]


def macs(spec: Arrangement, *, side: int = 48) -> int:
    return closed_cost(spec, image_size=side, num_classes=10, in_chans=1).macs


def solve(spec: ArchSpec, budget: float, *, within: float = 0.005) -> Solution:
    return solve_widths(spec, budget, cost_of=macs, within=within)


@pytest.mark.parametrize("line", [LINE, FULL], ids=["nano", "tiny"])
def test_every_network_of_a_trajectory_comes_within_half_a_percent(line: Trajectory) -> None:
    budget = macs(line.spec_after(line.step_names[-1]))
    for name in ("start", *line.step_names):
        spec = line.spec_after(name)
        found = solve(spec, budget)
        assert abs(found.error) <= 0.005
        assert macs(found.spec) == found.cost
        ratios = [new / old for new, old in zip(found.widths, spec.widths, strict=True)]
        assert max(ratios) / min(ratios) < 1.12  # one channel of the first stage on either side


def test_the_own_cost_gives_the_network_itself() -> None:
    end = LINE.spec_after(LINE.step_names[-1])
    found = solve(end, macs(end))
    assert (found.spec, found.error) == (end, 0.0)


def test_networks_that_differ_in_scale_alone_are_solved_alike() -> None:
    narrow, wide = (
        parse_step(f"widths={row}").edit(LINE.start) for row in ("16+32+64", "24+48+96")
    )
    budget = macs(LINE.spec_after("separate_downsampling"))
    assert solve(narrow, budget).spec == solve(wide, budget).spec


def test_of_equally_near_rows_the_one_in_proportion_is_taken() -> None:
    found = solve_widths(LINE.start, 31.0, cost_of=lambda spec: float(sum(spec.widths) // 10))
    assert found.error == 0.0
    assert found.widths == (45, 90, 180)  # of many rows with a sum from 310 to 319


def test_attention_heads_keep_dividing_the_widths() -> None:
    spec = SPECS["spach_xxs_patch16_224_attn"]  # six heads
    found = solve(spec, 1.3 * macs(spec))
    assert found.widths[0] % 6 == 0
    assert found.widths[0] > spec.widths[0]
    assert abs(found.error) < 0.03  # half of six channels more or less


def test_heads_of_a_given_width_make_widths_multiples_of_it() -> None:
    spec = parse_step("mixer=attention@3").apply(SPECS["nano_convnext"])
    assert spec.widths[2] % 32 == 0
    found = solve(spec, 1.5 * macs(spec))
    assert found.widths[2] % 32 == 0
    assert found.widths != spec.widths


def test_a_budget_below_the_narrowest_network_gives_that_with_its_error() -> None:
    found = solve(LINE.start, 1.0)
    assert found.widths[0] <= 3
    assert found.error > 1


def test_a_budget_that_no_width_reaches_is_refused() -> None:
    with pytest.raises(IllegalSpec, match="still cost less"):
        solve_widths(LINE.start, 1.0, cost_of=lambda _: 0.5)
