"""Studies of networks: points that are a named network and steps, checked before any run."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations.cli import main
from ablations.commands.plan import kernel_notes, plan_costs
from ablations.commands.show import describe
from ablations.planning.find_run import find_run
from ablations.planning.plan import PlannedRun, index_of, make_plan
from ablations.planning.run_config import to_plain
from ablations.store.runs import INDEX, RunFolder, read_json, run_path, study_path
from ablations.studies.config import Recipe, Study
from ablations.studies.designs.networks import NetworksPoints
from ablations.studies.listing import listing
from ablations.studies.study_file import load_experiments, read_source
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from lit_models import SPECS, to_dict
from lit_models.families.reference import TimmModel
from lit_models.space.spec import ArchSpec
from lit_models.steps.library import parse_step

FASHION = DataConfig(name="fashion_mnist", image_size=32)
IMAGENET = DataConfig(name="imagenet")

FILE = """\
recipes:
  tiny: {epochs: 2, batch_size: 16}
studies:
  small:
    title: networks
    points:
      kind: networks
      networks:
        plain: [convnext_tiny]
        gelu_off: [convnext_tiny, activation=relu]
        vit: [timm/vit_base_patch16_224]
    data: imagenet
    recipe: tiny
"""


def plain(row: PlannedRun) -> dict[str, Any]:
    """What the run's config.json says."""
    return to_plain(row.config, row.run_id)


def of(networks: Mapping[str, list[str]], *, data: DataConfig = IMAGENET, **changes: Any) -> Study:
    points = NetworksPoints(networks=dict(networks))
    return Study(name="s", points=points, data=data, **changes)


def write(folder: Path, text: str = FILE) -> Path:
    path = folder / "experiments.yaml"
    path.write_text(text)
    return path


def test_every_point_is_its_network_after_its_steps() -> None:
    steps = ["kernel_size=31", "activation=relu"]
    study = of({"plain": ["convnext_tiny"], "b+1": ["convnext_tiny", *steps]}, seeds=[0, 7])
    study = replace(study, oversized_kernels=True)
    rows = make_plan(study).rows

    assert [(r.point, r.step, r.steps, r.network, r.seed) for r in rows] == [
        ("00_plain", "plain", (), "convnext_tiny", 0),
        ("00_plain", "plain", (), "convnext_tiny", 7),
        ("01_b+1", "b+1", tuple(steps), "convnext_tiny", 0),
        ("01_b+1", "b+1", tuple(steps), "convnext_tiny", 7),
    ]
    assert rows[0].spec == SPECS["convnext_tiny"]
    wanted = parse_step(steps[1]).apply(parse_step(steps[0]).apply(SPECS["convnext_tiny"]))
    assert rows[2].spec == wanted
    assert plain(rows[2])["spec"] == to_dict(wanted)
    assert len({row.run_id for row in rows}) == 4


def test_the_index_names_the_networks_and_the_published_table() -> None:
    study = of({"a": ["convnext_tiny", "activation=relu"]}, published="some_table")
    index = index_of(make_plan(study), "ablate run s")

    assert (index["trajectory"], index["points"], index["published"]) == (
        *("", "networks"),
        "some_table",
    )
    (row,) = index["rows"]
    assert set(row) == {"point", "step", "steps", "seed", "run_id", "network"}
    assert (row["network"], row["steps"]) == ("convnext_tiny", ("activation=relu",))
    assert json.dumps(index)


def test_a_trajectory_study_is_written_as_before() -> None:
    plan = make_plan(Study(name="s", trajectory="convnext_nano", data=FASHION))
    index = index_of(plan, "")

    assert "published" not in index
    assert set(index["rows"][0]) == {"point", "step", "steps", "seed", "run_id"}
    assert set(plain(plan.rows[0])["labels"]) == {"study", "trajectory", "point", "step", "steps"}


def test_labels_of_a_run_say_its_network() -> None:
    (row,) = make_plan(of({"a": ["timm/deit_small_patch16_224"]})).rows

    assert plain(row)["labels"] == {
        "study": "s",
        "trajectory": "",
        "point": "00_a",
        "step": "a",
        "steps": (),
        "network": "timm/deit_small_patch16_224",
    }


def test_networks_that_end_up_equal_share_a_run() -> None:
    networks = {
        "seven": ["convnext_tiny"],
        "back": ["convnext_tiny", "kernel_size=5", "kernel_size=7"],
        "five": ["convnext_tiny", "kernel_size=5"],
    }
    plan = make_plan(of(networks))

    assert [row.step for row in plan.rows] == ["seven", "back", "five"]
    assert [row.step for row in plan.unique().values()] == ["seven", "five"]


def test_timms_networks_are_built_for_the_images_of_the_study() -> None:
    networks = {"deit": ["timm/deit_small_patch16_224"]}
    recipe = Recipe(drop_path_rate=0.1)
    large, small = (
        make_plan(of(networks, data=data, recipe=recipe)).rows[0] for data in (IMAGENET, FASHION)
    )

    assert large.spec == TimmModel("deit_small_patch16_224", 0.1, image_size=224)
    assert small.spec == TimmModel("deit_small_patch16_224", 0.1, image_size=32)
    assert plain(small)["spec"]["image_size"] == 32


def test_what_a_network_of_timm_is_decides_the_run() -> None:
    def run_of(name: str, **changes: Any) -> str:
        (row,) = make_plan(of({"a": [f"timm/{name}"]}, **changes)).rows
        return row.run_id

    small = "deit_small_patch16_224"
    different = [
        run_of(small),
        run_of("vit_small_patch16_224"),
        run_of(small, data=replace(IMAGENET, image_size=160)),
        run_of(small, recipe=Recipe(drop_path_rate=0.1)),
    ]

    assert len(set(different)) == 4
    assert run_of(small, title="other") == different[0]


def test_the_recipe_reaches_every_network_and_a_blur_that_cannot_is_named() -> None:
    (row,) = make_plan(of({"a": ["resnet50"]}, recipe=Recipe(blur_pool=True))).rows
    assert isinstance(row.spec, ArchSpec)
    assert row.spec.blur_pool

    with pytest.raises(ValueError, match=r"study s: .* point 00_d: .* timm/deit_small_patch16_224"):
        make_plan(of({"d": ["timm/deit_small_patch16_224"]}, recipe=Recipe(blur_pool=True)))


TOKENS = {"conv": ["spach_xxs_patch16_224_conv"], "mlp": ["spach_xxs_patch16_224_mlp"]}


def test_images_that_token_mlps_are_not_built_for_are_refused_with_the_remedy() -> None:
    assert len(make_plan(of(TOKENS)).rows) == 2
    with pytest.raises(ValueError, match="point 01_mlp: ") as caught:
        make_plan(of(TOKENS, data=replace(IMAGENET, image_size=192)))
    for words in ("224 px", "data.image_size is 192", "add the step image_size=192"):
        assert words in str(caught.value)

    tokens = {**TOKENS, "mlp": [*TOKENS["mlp"], "image_size=192"]}
    *_, row = make_plan(of(tokens, data=replace(IMAGENET, image_size=192))).rows
    assert isinstance(row.spec, ArchSpec)
    assert row.spec.image_size == 192


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": replace(IMAGENET, eval_size=256)}, "data.eval_size is 256; it takes one size"),
        (
            {"recipe": Recipe(augment=Augmentation(first_size=160, growth=(1, 2)))},
            "recipe.augment.first_size is 160; it takes one size",
        ),
    ],
)
def test_images_that_change_their_size_are_refused(changes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"point 01_mlp: .*224 px, but {words}"):
        make_plan(of(TOKENS, **changes))
    assert make_plan(of({"conv": TOKENS["conv"]}, **changes)).rows


def test_timms_networks_for_one_size_are_refused_where_another_is_evaluated(
    tmp_path: Path,
) -> None:
    networks = {"any": ["timm/resnet18"], "one": ["timm/vit_tiny_patch16_224"]}
    study = of(networks, data=replace(FASHION, eval_size=48))
    with pytest.raises(ValueError, match=r"point 01_one: a 48 px image does not fit .*\(32\)"):
        plan_costs(make_plan(study), tmp_path)

    any_size = of({"any": networks["any"]}, data=study.data)
    one_size = of({"one": networks["one"]}, data=FASHION)
    assert plan_costs(make_plan(any_size), tmp_path)
    assert plan_costs(make_plan(one_size), tmp_path)
    small = replace(one_size, data=replace(FASHION, image_size=28))
    with pytest.raises(ValueError, match="point 00_one: timm/vit_tiny_patch16_224 cuts images"):
        plan_costs(make_plan(small), tmp_path)


def test_an_image_that_is_too_small_for_a_network_names_the_point(tmp_path: Path) -> None:
    networks = {"fine": ["resnet50"], "deep": ["convnext_tiny", "kernel_size=3"]}
    study = of(networks, data=replace(FASHION, image_size=8), oversized_kernels=True)
    with pytest.raises(ValueError, match="point 01_deep: a 8 px image does not fit"):
        plan_costs(make_plan(study), tmp_path)


LARGE = {"k7": ["convnext_tiny"], "k31": ["convnext_tiny", "kernel_size=31"]}


def test_kernels_larger_than_sense_are_refused_with_what_is_wasted() -> None:
    with pytest.raises(ValueError, match="study s: kernels that are larger") as caught:
        make_plan(of(LARGE))

    for words in ("stage 4: 31x31 kernels on 7x7 maps", "(in 01_k31)", "oversized_kernels=true"):
        assert words in str(caught.value)
    assert "00_k7" not in str(caught.value)


def test_allowed_waste_is_a_note_of_the_plan() -> None:
    plan = make_plan(of(LARGE, oversized_kernels=True))
    notes = kernel_notes(plan)

    assert len(notes) == 2  # stages 3 and 4
    assert "14x14 maps" in notes[0]
    assert "(in 01_k31)" in notes[1]
    assert kernel_notes(make_plan(of({"k7": LARGE["k7"]}))) == []


def test_the_waste_of_a_trajectory_is_a_note_with_the_points_that_have_it() -> None:
    data = DataConfig(name="digits", image_size=32)
    plan = make_plan(Study(name="s", trajectory="convnext_nano", data=data))
    notes = kernel_notes(plan)

    (seven,) = (note for note in notes if "stage 3: 7x7 kernels on 2x2 maps" in note)
    assert "07_kernel_size, 08_relu_to_gelu" in seven


def refusal(folder: Path, old: str, new: str) -> str:
    assert old in FILE
    with pytest.raises(ValueError, match=r"experiments\.yaml") as caught:
        load_experiments(write(folder, FILE.replace(old, new)))
    return str(caught.value)


PLAIN = "plain: [convnext_tiny]"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        (PLAIN, "plain: [convnext_tinny]", ":9 ", "did you mean convnext_tiny"),
        (PLAIN, "plain: [vit_base_patch16_224]", ":9 ", "did you mean timm/vit_base_patch16_224"),
        ("[timm/vit_base", "[timm/vit_bse", ":11 ", "did you mean timm/vit_base_patch16_224"),
        (
            "[timm/vit_base_patch16_224]",
            "[timm/vit_base_patch16_224, patch_size=8]",
            ":11 ",
            "take",
        ),
        ("activation=relu", "activatoin=relu", ":10 ", "activation"),
        ("activation=relu", "activation=rleu", ":10 ", "relu"),
        ("activation=relu", "activation=gelu", ":10 ", "changes nothing"),
        (PLAIN, "plain: []", ":9 ", "expected [NETWORK, STEP...]"),
        (PLAIN, "plain: convnext_tiny", ":8 ", "a mapping"),
        (PLAIN, "'../x': [convnext_tiny]", ":8 ", "'../x'"),
        ("kind: networks", "kind: netwroks", ":7 ", "Did you mean networks?"),
        ("kind: networks", "kind: explicit", ":", "points.networks has no meaning"),
        ("    title: networks", "    trajectory: convnext_nano", ":5 ", "leave it out"),
        ("      networks:", "      lists:", ":8 ", "points.lists has no meaning"),
        ("      kind: networks\n", "", ":", "points.networks has no meaning"),
        ("    title: networks", "    oversized_kernels: 3", ":5 ", "true or false"),
        (
            "    title: networks",
            "    published: table10_resnet50",
            ":5 ",
            "table10_resnet50_regime",
        ),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    message = refusal(tmp_path, old, new)

    assert f"experiments.yaml{place}" in message
    assert words in message


@pytest.mark.parametrize("key", ["published: some_table", "oversized_kernels: true"])
def test_keys_of_networks_have_no_meaning_with_a_trajectory(tmp_path: Path, key: str) -> None:
    text = f"studies:\n  s:\n    trajectory: convnext_nano\n    {key}\n"
    with pytest.raises(ValueError, match=rf"yaml:4 .*{key.partition(':')[0]} has no meaning"):
        load_experiments(write(tmp_path, text))


def test_a_study_without_trajectory_and_without_networks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a trajectory, or points that name"):
        load_experiments(write(tmp_path, "studies:\n  s: {data: digits}\n"))


def test_one_illegal_network_stops_a_plan_made_by_hand() -> None:
    study = of({"fine": ["resnet50"], "wrong": ["resnet50", "kernel_size=3"]})
    with pytest.raises(ValueError, match=r"points\.networks has points .* wrong: step"):
        make_plan(study)


def test_the_list_shows_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path)
    found = listing(read_source(path))
    study = found["studies"][0]

    assert {"name": "spach_xxs_patch16_224_mlp", "image_size": 224} in found["networks"]
    assert (
        "kernel_size=31" in {step["name"]: step["text"] for step in found["steps"]}["kernel_size"]
    )
    assert (study["trajectory"], study["points"]) == ("", "networks")
    assert study["networks"]["gelu_off"] == ["convnext_tiny", "activation=relu"]
    assert main(["list", "--file", str(path)]) == 0
    assert "3 networks" in capsys.readouterr().out


def test_a_change_is_against_the_network_without_the_last_step(tmp_path: Path) -> None:
    networks = """
        plain: [convnext_tiny]
        one: [convnext_tiny, activation=relu]
        two: [convnext_tiny, activation=relu, kernel_size=5]
        vit: [timm/test_vit]
        side: [spach_xxs_patch16_224_mlp, image_size=32]
"""
    text = FILE[: FILE.index("        plain")] + networks.strip("\n")
    text += "\n    data: {name: fashion_mnist, image_size: 32}\n    oversized_kernels: true\n"
    file = write(tmp_path, text)

    def change(point: str) -> Any:
        run = find_run(f"small/{point}/0", root=tmp_path, file=file, planned=True)
        found = describe(run, tmp_path)
        assert found["params"] > 0
        return found["change"]

    assert change("plain") is None
    assert change("vit") is None
    one, two, side = change("one"), change("two"), change("side")
    assert one["from"] == "convnext_tiny"
    assert [entry[0] for entry in one["fields"]] == ["activation"]
    assert (one["params"], one["gmacs"]) == (0, 0)
    assert two["from"] == "activation=relu"
    assert all("kernel_size" in entry[0] for entry in two["fields"])
    assert two["params"] == -(7**2 - 5**2) * (3 * 96 + 3 * 192 + 9 * 384 + 3 * 768)
    # 224 px is another network, which does not run on these images
    assert (side["params"], side["gmacs"]) == (None, None)
    assert ["image_size", 224, 32] in side["fields"]


RUN = """\
recipes:
  tiny: {epochs: 1, batch_size: 16, ema_decay: 0.9, drop_path_rate: 0.1, channels_last: true}
studies:
  small:
    title: networks
    points:
      kind: networks
      networks:
        convmixer: [nano_convmixer]
        attention: [nano_spach_attn]
        vit: [timm/test_vit]
    data: {name: digits, image_size: 32, train_limit: 40, test_limit: 20}
    recipe: tiny
hardware: {accelerator: cpu, workers: 0}
"""


def test_a_study_of_ours_and_of_timms_networks_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--file", str(write(tmp_path, RUN)), "--runs", str(tmp_path / "runs")]
    assert main(["run", "small", *options]) == 0
    capsys.readouterr()
    assert main(["plan", "small", "--no-time", "--json", *options]) == 0
    planned = json.loads(capsys.readouterr().out)

    assert [row["state"] for row in planned] == ["done"] * 3
    for row in planned:
        folder = RunFolder(run_path(tmp_path / "runs", row["run_id"]))
        summary, config = folder.summary(), folder.config()
        assert summary is not None
        assert {"test/top1", "test_ema/top1", "images_per_s"} <= set(summary)
        assert (summary["params"], summary["gmacs"]) == (row["params"], row["gmacs"])
        assert config["labels"]["network"].endswith(("nano_convmixer", "nano_spach_attn", "vit"))
    assert config["spec"] == {"timm": "test_vit", "drop_path_rate": 0.1, "image_size": 32}
    index = read_json(study_path(tmp_path / "runs", "small") / INDEX)
    assert index is not None
    assert {"network", "params", "gmacs"} <= set(index["rows"][0])
    assert main(["show", "small/vit/0", *options]) == 0
    assert "timm/test_vit" in capsys.readouterr().out
