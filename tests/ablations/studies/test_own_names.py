"""Networks, trajectories and studies as data in a file of one's own, beside the shipped ones."""

from pathlib import Path

import pytest

from ablations.cli import main
from ablations.commands.show import describe
from ablations.compare.records import load_study
from ablations.planning.find_run import find_run
from ablations.planning.plan import index_of, make_plan
from ablations.store.runs import study_path, write_json_atomic
from ablations.studies.config import Study, find_experiments
from ablations.studies.designs.published import PublishedRow
from ablations.studies.listing import listing
from ablations.studies.points import study_design
from ablations.studies.study_file import load_experiments, read_source, resolve_study
from lit_models import SPECS, apply_steps, parse_step

FILE = """\
recipes:
  quick: {epochs: 2, lr: 0.5}
networks:
  wide: {base: nano_convnext, steps: [widths=32+64+128]}
  wider: [wide, kernel_size=5]
trajectories:
  mine:
    title: To my network
    start: [nano_resnet, blur_pool]
    start_title: Blurred
    steps:
      depthwise: depthwise
      both:
        steps: [activation=gelu, norm=layer]
        title: GELU and LN
        group: micro design
        source: ours
      kernel:
        steps: kernel_size=7
        alternatives: {kernel_5: kernel_size=5}
    published: table10_resnet50_regime
studies:
  base:
    title: Base
    points: {kind: networks, networks: {a: [wide], b: [wider, norm=batch]}}
    data: {name: digits, image_size: 32}
    recipe: quick
    overrides: {recipe.epochs: 3, data.val_fraction: 0.2}
  like_it:
    like: base
    recipe: quick
    seeds: [0, 1]
  line:
    trajectory: mine
    points: {kind: cumulative, alternatives: true}
    data: digits
    recipe: nano_fashion
  convnext_nano:
    like: convnext_nano
    seeds: [7]
"""


def write(folder: Path, text: str = FILE) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def study(folder: Path, name: str, *overrides: str, text: str = FILE) -> Study:
    return resolve_study(read_source(write(folder, text)), name, overrides)


def test_a_network_of_the_file_is_what_it_is_made_of(tmp_path: Path) -> None:
    rows = make_plan(study(tmp_path, "base")).rows
    wide = parse_step("widths=32+64+128").apply(SPECS["nano_convnext"])
    assert [row.spec for row in rows] == [
        wide,
        apply_steps(wide, [parse_step("kernel_size=5"), parse_step("norm=batch")]),
    ]
    assert rows[1].network == "nano_convnext"
    assert rows[1].steps == ("widths=32+64+128", "kernel_size=5", "norm=batch")
    typed = study(tmp_path, "base", "points.networks={c: [wider]}")
    assert make_plan(typed).rows[0].steps == ("widths=32+64+128", "kernel_size=5")
    grid = "points={kind: grid, networks: [wide, nano_convnext], steps: [[], norm=batch]}"
    assert [(row.step, row.steps) for row in make_plan(study(tmp_path, "base", grid)).rows] == [
        ("wide", ("widths=32+64+128",)),
        ("wide-norm-batch", ("widths=32+64+128", "norm=batch")),
        ("nano_convnext", ()),
        ("nano_convnext-norm-batch", ("norm=batch",)),
    ]


def test_a_row_goes_on_from_the_point_above_it_whose_name_it_begins_with(tmp_path: Path) -> None:
    """A network is meant where it has the name, so that no point takes the place of one."""
    rows = "{a: [wide], nano_resnet: [wide], b: [a, norm=batch], c: [nano_resnet, norm=layer]}"
    plan = make_plan(study(tmp_path, "base", f"points.networks={rows}"))
    found = {row.step: (row.network, *row.steps) for row in plan.rows}
    assert found["b"] == ("nano_convnext", "widths=32+64+128", "norm=batch")
    assert found["c"] == ("nano_resnet", "norm=layer")
    with pytest.raises(ValueError, match="no network is named 'b'"):
        study(tmp_path, "base", "points.networks={a: [b], b: [wide]}")


def test_a_trajectory_of_the_file_is_a_line_of_networks(tmp_path: Path) -> None:
    plan = make_plan(study(tmp_path, "line"))
    assert [row.step for row in plan.rows] == ["start", "depthwise", "both", "kernel", "kernel_5"]
    start = parse_step("blur_pool").apply(SPECS["nano_resnet"])
    texts = ["depthwise", "activation=gelu", "norm=layer", "kernel_size=5"]
    assert plan.rows[-1].spec == apply_steps(start, map(parse_step, texts))
    line = plan.study.own_trajectory
    assert line is not None
    assert [step.group for step in line.steps] == ["", "micro design", ""]
    assert (line.by_name["both"].title, line.by_name["kernel"].title) == ("GELU and LN", "kernel 7")


def test_what_the_last_step_changed_is_said_without_the_file(tmp_path: Path) -> None:
    subject = find_run("line/both/0", root=tmp_path, file=write(tmp_path), planned=True)
    assert subject.config["labels"]["start_from"] == ("nano_resnet", "blur_pool")
    shown = describe(subject, tmp_path)
    assert [path for path, *_ in shown["change"]["fields"]] == ["norm", "activation"]


def test_a_shipped_run_is_found_by_its_id_beside_a_file_of_ones_own(tmp_path: Path) -> None:
    (first, *_) = make_plan(resolve_study(read_source(find_experiments()), "nano_factorial")).rows
    found = find_run(first.run_id, root=tmp_path, file=write(tmp_path))
    assert found.config["labels"]["study"] == "nano_factorial"


def test_a_report_calls_the_steps_what_the_file_does(tmp_path: Path) -> None:
    plan = make_plan(study(tmp_path, "line"))
    write_json_atomic(
        study_path(tmp_path, "line") / "index.json", index_of(plan, "ablate run line")
    )
    found = load_study("line", runs_root=tmp_path)
    titles = [found.design.title_of(point) for point in found.points]
    assert titles == ["Blurred", "depthwise conv", "GELU and LN", "kernel 7", "kernel 5"]
    assert found.design.published is not None
    row = found.design.published.rows["start"]
    assert not found.design.same_network(found.points[0], row)
    assert "outline" not in index_of(make_plan(study(tmp_path, "convnext_nano")), "")


def test_a_trajectory_by_a_shipped_name_is_not_that_of_the_paper(tmp_path: Path) -> None:
    name = "resnet50_to_convnext_t"
    text = FILE.replace("  mine:", f"  {name}:").replace("trajectory: mine", f"trajectory: {name}")
    mine = study_design(study(tmp_path, "line", text=text))
    theirs = study_design(study(tmp_path, name, text=text))
    row = PublishedRow()
    assert (mine.title, theirs.title) == ("To my network", "ResNet-50 → ConvNeXt-T")
    assert not mine.same_network(mine.points()[0], row)
    assert theirs.same_network(theirs.points()[0], row)


def test_a_study_is_like_another_in_all_that_it_does_not_say(tmp_path: Path) -> None:
    """Its own `recipe` replaces the other's with what the other's overrides said about it."""
    found = study(tmp_path, "like_it")
    assert (found.title, found.seeds) == ("Base", [0, 1])
    assert [row.step for row in make_plan(found).rows] == ["a", "a", "b", "b"]
    assert (found.recipe.epochs, found.data.val_fraction) == (2, 0.2)
    assert study(tmp_path, "base").recipe.epochs == 3


def test_a_file_sees_the_shipped_names_and_shadows_them(tmp_path: Path) -> None:
    own, shipped = study(tmp_path, "convnext_nano"), read_source(find_experiments())
    theirs = resolve_study(shipped, "convnext_nano")
    assert (own.seeds, own.data, own.title) == ([7], theirs.data, theirs.title)
    assert own.recipe == theirs.recipe  # a shipped study means the shipped recipe `quick`
    assert study(tmp_path, "convnext_nano", "recipe=quick").recipe.lr == 0.5  # the command line
    assert study(tmp_path, "line").recipe_name == "nano_fashion"
    assert resolve_study(read_source(write(tmp_path)), "nano_factorial").recipe_name == "quick"
    assert list(load_experiments(write(tmp_path)).studies) == [
        *("base", "like_it", "line", "convnext_nano"),
    ]


def test_the_list_says_whose_a_name_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = listing(read_source(write(tmp_path)))
    for kind, own in {
        "studies": ["base", "like_it", "line", "convnext_nano"],
        "networks": ["wide", "wider"],
        "trajectories": ["mine"],
        "recipes": ["quick"],
    }.items():
        names = [entry["name"] for entry in found[kind]]
        assert [entry["name"] for entry in found[kind] if "file" in entry] == own
        assert names[: len(own)] == own
        assert len(set(names)) == len(names) > len(own)
    assert found["studies"][1]["networks"] == {"a": ["wide"], "b": ["wider", "norm=batch"]}
    assert found["recipes"][0]["lr"] == 0.5
    assert main(["list", "--file", str(tmp_path / "own.yaml")]) == 0
    printed = capsys.readouterr().out
    assert "like_it (own.yaml)  Base" in printed
    assert "\nconvnext_nano_fashion  ResNet" in printed
    assert "    micro design\n   2 both" in printed


def test_what_is_taken_over_by_a_merge_key_has_its_text_and_line(tmp_path: Path) -> None:
    text = """\
studies:
  a: &a {title: 007, trajectory: t, data: digits,
    recipe: quick}
  b:
    <<: [{title: 008, seeds: [1]}, *a]
  c: {<<: {like: b}, description: 1e3}
trajectories:
  t: {start: nano_resnet, steps: {&s depthwise: depthwise, <<: {gelu: activation=gelu}}}
"""
    source = read_source(write(tmp_path, text))
    found = resolve_study(source, "c")
    assert (found.title, found.description, found.seeds) == ("008", "1e3", [1])
    assert found.own_trajectory is not None
    assert set(found.own_trajectory.step_names) == {"depthwise", "gelu"}
    assert source.where(("studies", "b", "recipe")).startswith(f"{source.path}:3 ")
    wrong = text.replace("recipe: quick", "recipe: quik")
    with pytest.raises(ValueError, match=r"own.yaml:3 \(studies\.[ab]\.recipe\): recipe 'quik'"):
        load_experiments(write(tmp_path, wrong))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("networks:\n", "networkz:\n", (":3 ", "Did you mean networks?")),
        ("base: nano_convnext,", "bse: nano_convnext,", (":4 ", "'bse'", "Did you mean base?")),
        ("base: nano_convnext,", "base: nano_convnxt,", (":4 ", "did you mean nano_convnext")),
        ("[wide, kernel", "[wid, kernel", (":5 ", "no network is named 'wid'; did you mean wide")),
        ("base: nano_convnext,", "base: wider,", (":4 ", "wide is made of wider is made of wide")),
        ("[wide, kernel", "[wider, kernel", (":5 ", "made of itself: wider is made of wider")),
        ("=32+64+128]", "=32+64]", (":4 ", "widths has 2 entries but depths has 3")),
        ("kernel_size=5]\n", "kernelsize=5]\n", (":5 ", "no step is named 'kernelsize'; nearest")),
        ("  wider:", "  wi/der:", (":5 ", "'wi/der' cannot name a network")),
        ("start: [nano_resnet,", "start: [nano_resnt,", (":9 ", "did you mean nano_resnet")),
        ("start: [nano_resnet, blur_pool]", "start: timm/resnet50", (":9 ", "as timm has it")),
        ("start: [nano_resnet, blur_pool]", "title: again", (":9:", "given twice")),
        ("    start: [nano_resnet, blur_pool]\n", "", (":7 ", "a trajectory needs start")),
        ("start_title", "start_titel", (":10 ", "Did you mean start_title?")),
        ("steps: [activation=gelu,", "stepz: [activation=gelu,", (":14 ", "Did you mean steps?")),
        ("depthwise: depthwise", "depthwise: depthwize", (":12 ", "no step is named 'depthwize'")),
        ("depthwise: depthwise", "depthwise: 3", (":12 ", "no step is named '3'")),
        ("depthwise: depthwise", "depthwise: []", (":12 ", "a text or a list of texts")),
        ("depthwise: depthwise", "depthwise: activation=relu", (":12 ", "changes nothing here")),
        ("depthwise: depthwise", "start: depthwise", (":12 ", "'start' cannot name a step")),
        ("norm=layer]", "norm=batch]", (":13 ", "'norm=batch' changes nothing here")),
        ("steps: kernel_size=7", "steps: kernel_size=4", (":18 ", "odd and positive, found 4")),
        ("{kernel_5: kernel_size=5}", "{both: kernel_size=5}", (":20 ", "'both' exists already")),
        (
            "{kernel_5: kernel_size=5}",
            "{k: {step: kernel_size=5}}",
            (":20 ", "Did you mean steps?"),
        ),
        ("table10_resnet50", "table10_resnet5", (":21 ", "table10_resnet50_regime")),
        ("trajectory: mine", "trajectory: min", (":34 ", "Did you mean mine?")),
        ("trajectory: mine", "trajectory: convnext_nan", (":34 ", "Did you mean convnext_nano?")),
        ("like: base", "like: bas", (":30 ", "study 'bas' is unknown. Did you mean base?")),
        ("like: base", "like: [base]", (":30 ", "expected the name of a study")),
        ("like: base", "like: like_it", (":30 ", "cannot be like itself: like_it is like like_it")),
        ("    title: Base", "    like: like_it", (":30 ", "base is like like_it is like base")),
        ("like: base", "lke: base", (":30 ", "Did you mean like?")),
        ("recipe: nano_fashion", "recipe: nano_fashon", (":37 ", "Did you mean nano_fashion?")),
        ("a: [wide]", "a: [wdie]", (":25 ", "did you mean wide")),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    assert old in FILE
    path = write(tmp_path, FILE.replace(old, new, 1))
    with pytest.raises(ValueError, match="own") as refused:
        load_experiments(path)
    for word in words:
        assert word in str(refused.value)


def test_two_rows_of_one_name_are_refused_as_with_shipped_networks(tmp_path: Path) -> None:
    grid = "{kind: grid, networks: [wide, wide], steps: [[]]}"
    text = FILE.replace("{kind: networks, networks: {a: [wide], b: [wider, norm=batch]}}", grid)
    with pytest.raises(ValueError, match=r"own\.yaml:\d+ .*two that are named wide"):
        resolve_study(read_source(write(tmp_path, text)), "base")


def test_alternatives_without_a_letter_are_refused_not_left_out(tmp_path: Path) -> None:
    many = ", ".join(f"k{size}: kernel_size={size}" for size in range(9, 9 + 2 * 27, 2))
    text = FILE.replace("{kernel_5: kernel_size=5}", f"{{{many}}}")
    with pytest.raises(ValueError, match=r"own\.yaml:\d+ .*at most 26 alternatives, found 27"):
        read_source(write(tmp_path, text))
