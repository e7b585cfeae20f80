"""Costs in closed form are those of the counter, to the last multiply-add."""

import pytest

from ablations.planning.cost import Setting, setting_of
from ablations.planning.counts import SHIPPED, key_of, read_counts
from ablations.planning.plan import make_plan
from ablations.studies.config import shipped_experiments
from ablations.studies.study_file import load_experiments
from lit_models import SPECS, TRAJECTORIES, count, parse_step
from lit_models.space.cost import Stages, closed_cost
from lit_models.space.spec import ArchSpec

# What networks of the shipped studies may lack; each changes what is counted.
TEXTS = ("blur_pool", "norm=none", "mixer=attention", "reparameterise=3", "bypass=3")


def test_every_network_of_the_shipped_studies_costs_what_the_counter_found() -> None:
    counted, compared = read_counts(SHIPPED), set[ArchSpec]()
    assert counted, "counts.json is of other code: python -m ablations.planning.counts"
    for study in load_experiments(shipped_experiments()).studies.values():
        plan = make_plan(study)
        setting = setting_of(plan.data)
        if setting is None:
            continue
        for spec in plan.networks.values():
            if isinstance(spec, ArchSpec) and not spec.primitives():
                found, cost = closed_cost(spec, **vars(setting)), counted[key_of(spec, setting)]
                assert found.params == cost.params
                assert found.macs / 1e9 == pytest.approx(cost.gmacs)
                compared.add(spec)
    assert len(compared) > 200


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_step_adds_is_counted(text: str) -> None:
    before = SPECS["nano_resnet"] if text == "blur_pool" else SPECS["nano_convnext"]
    spec = parse_step(text).apply(before)
    setting = Setting(image_size=33, num_classes=7, in_chans=1)
    found, cost = closed_cost(spec, **vars(setting)), count(spec, **vars(setting))
    assert found.params == cost.params
    assert found.macs / 1e9 == pytest.approx(cost.gmacs, rel=1e-12)
    assert found != closed_cost(before, **vars(setting))


def test_remembered_stages_change_no_cost() -> None:
    setting, stages = vars(Setting(image_size=24, num_classes=10, in_chans=1)), Stages()
    line = TRAJECTORIES["convnext_nano"]
    start = line.apply(line.step_names[:4])
    for widths in ((24, 48, 96), (24, 50, 96), (26, 48, 96), (24, 48, 97)):
        spec = parse_step("widths=" + "+".join(map(str, widths))).edit(start)
        assert closed_cost(spec, **setting, stages=stages) == closed_cost(spec, **setting)


def test_primitives_are_refused_by_name() -> None:
    spec = parse_step("extra=se:16").apply(SPECS["nano_convnext"])
    with pytest.raises(ValueError, match=r"\bse\b"):
        closed_cost(spec, image_size=32, num_classes=10, in_chans=3)
