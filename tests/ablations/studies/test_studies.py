"""A wrong thing in an experiments file is refused with its place and what is right."""

from pathlib import Path

import pytest

from ablations.planning.plan import make_plan
from ablations.studies.config import Study, find_experiments, shipped_experiments
from ablations.studies.study_file import load_experiments, read_source, resolve_study
from lit_models import SPECS, TRAJECTORIES, ArchSpec
from lit_models.space.spec import Init
from tests.support.project import PROJECT

RECIPES = """\
recipes:
  quick:
    epochs: 2
    augment: {crop: pad, pad: 2}
  slow: {epochs: 100, lr: 0.5}
"""
STUDY = """\
studies:
  first:
    trajectory: convnext_nano
    data: digits
    recipe: quick
    seeds: [0, 1]
    overrides:
      recipe.lr: 0.25
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "experiments.yaml"
    path.write_text(text)
    return path


def resolve(folder: Path, *overrides: str, text: str = RECIPES + STUDY) -> Study:
    return resolve_study(read_source(write(folder, text)), "first", overrides)


def refusal(folder: Path, *overrides: str, text: str = RECIPES + STUDY) -> str:
    """The message of the ValueError that loading raises."""
    try:
        load_experiments(write(folder, text))
        resolve(folder, *overrides, text=text)
    except ValueError as error:
        return str(error)
    pytest.fail("nothing was refused")


def test_a_study_has_recipe_overrides_and_defaults(tmp_path: Path) -> None:
    study = resolve(tmp_path)

    assert (study.name, study.recipe_name, study.data.name) == ("first", "quick", "digits")
    assert (study.recipe.epochs, study.recipe.lr, study.recipe.augment.pad) == (2, 0.25, 2)
    assert study.recipe.betas == (0.9, 0.999)
    assert study.points.kind == "cumulative"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("recipe.epochs=3", "recipe.epochs", 3),
        ("recipe.lr=1e-3", "recipe.lr", 1e-3),
        ("recipe.betas=[0.8,0.9]", "recipe.betas", (0.8, 0.9)),
        ("recipe.augment.rand_augment=rand-m9", "recipe.augment.rand_augment", "rand-m9"),
        ("recipe.ema_decay=null", "recipe.ema_decay", None),
        ("data.name=fashion_mnist", "data.name", "fashion_mnist"),
        ("data=fashion_mnist", "data.name", "fashion_mnist"),
        ("seeds=[5,6]", "seeds", [5, 6]),
        ("points.kind=leave_one_out", "points.kind", "leave_one_out"),
        ("points=add_one_in", "points.kind", "add_one_in"),
        ("points={kind: factorial, steps: [depthwise]}", "points.steps", ["depthwise"]),
        ("trajectory=resnet50_to_convnext_t", "trajectory", "resnet50_to_convnext_t"),
        ("hardware.devices=2", "hardware.devices", 2),
    ],
)
def test_an_override_sets_any_key(tmp_path: Path, override: str, path: str, value: object) -> None:
    found: object = resolve(tmp_path, override)
    for name in path.split("."):
        found = getattr(found, name)

    assert found == value


def test_a_recipe_on_the_command_line_replaces_all_that_the_file_says(tmp_path: Path) -> None:
    study = resolve(tmp_path, "recipe.epochs=7", "recipe=slow")

    assert (study.recipe_name, study.recipe.epochs, study.recipe.lr) == ("slow", 7, 0.5)
    assert study.recipe.augment.crop == "none"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("recipe.epoch=3", ("recipe.epoch=3", "'epoch'", "Did you mean epochs?")),
        ("recipee.epochs=3", ("'recipee'", "Did you mean recipe?")),
        ("recipe=quik", ("recipe 'quik' is unknown", "Did you mean quick?")),
        ("data=digit", ("data.name is 'digit'", "Did you mean digits?")),
        ("trajectory=convnext", ("'convnext'", "Did you mean convnext_nano?")),
        ("recipe.augment.crop=pads", ("'pads'", "Did you mean pad?")),
        ("points.kind=cumulatif", ("'cumulatif'", "Did you mean cumulative?")),
        ("points={kind: factorial, steps: [depthwis]}", ("'depthwis'", "Did you mean depthwise?")),
        ("recipe.epochs=soon", ("recipe.epochs is 'soon'", "a whole number")),
        ("recipe.epochs=2.5", ("recipe.epochs is 2.5", "a whole number")),
        ("recipe.lr=[1]", ("recipe.lr is [1]", "a number")),
        ("recipe.compile=3", ("recipe.compile is 3", "true or false")),
        ("recipe.betas=[1]", ("recipe.betas is [1]", "a list of 2 values")),
        ("recipe.epochs.a=1", ("recipe.epochs has no keys below it",)),
        ("recipe.augment=3", ("recipe.augment is 3", "a mapping")),
        ("seeds=3", ("seeds is 3", "a list")),
        ("seeds=[]", ("at least one",)),
        ("seeds=[0,0]", ("none twice",)),
        ("seeds=[-1]", ("seeds go from 0",)),
        ("recipe.augment.hflip=2", ("recipe.augment.hflip", "from 0 to 1")),
        ("points.steps=[depthwise]", ("points.steps has no meaning",)),
        ("points=factorial", ("points.steps has to name",)),
        ("points=explicit", ("points.lists has to give",)),
        ("points={kind: explicit, lists: {'../x': []}}", ("'../x'",)),
        ("hardware.devices=0", ("hardware.devices is 0", "from 1 to 1024")),
        ("nonsense", ("'nonsense' is no key=value",)),
        ("=3", ("is no key=value",)),
        ("seeds=[0", ("cannot be read",)),
        ("recipe.lr=!!python/object/apply:os.getcwd []", ("cannot be read", "python/object")),
    ],
)
def test_a_wrong_override_is_refused(tmp_path: Path, override: str, words: tuple[str, ...]) -> None:
    message = refusal(tmp_path, override)

    assert "command line" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("recipes:", "recipez:", ":1 ", "Did you mean recipes?"),
        ("    data: digits", "    dta: digits", ":9 ", "Did you mean data?"),
        ("recipe: quick", "recipe: quik", ":10 ", "Did you mean quick?"),
        ("data: digits", "data: digitz", ":9 ", "Did you mean digits?"),
        ("epochs: 2", "epochs: soon", ":3 ", "a whole number"),
        ("pad: 2}", "pud: 2}", ":4 ", "Did you mean pad?"),
        ("pad: 2}", "pad: -2}", ":4 ", "from 0 to 512"),
        ("recipe.lr: 0.25", "recipe.lrs: 0.25", ":13 ", "Did you mean lr?"),
        ("seeds: [0, 1]", "seeds: [0, 0]", ":11 ", "none twice"),
        ("  first:", "  ../../first:", ":7 ", "cannot name a study"),
        ("    recipe: quick", "    recipe: quick\n    recipe: slow", ":11:", "twice"),
        ("  first:", "  1:", ":7:", "put it in quotes"),
        ("data: digits", "data: [digits]", ":9 ", "expected a mapping"),
        ("data: digits", "data: !!python/object/apply:os.getcwd []", ":9:", "never Python objects"),
        ("data: digits", "data: {digits", ":10:", "no valid YAML"),
    ],
)
def test_a_wrong_line_in_the_file_is_refused(
    tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    text = RECIPES + STUDY
    assert old in text

    message = refusal(tmp_path, text=text.replace(old, new))

    assert f"experiments.yaml{place}" in message
    assert words in message


def test_python_objects_are_not_constructed(tmp_path: Path) -> None:
    made = tmp_path / "made"
    tag = f"!!python/object/apply:os.mkdir ['{made}']"

    refusal(tmp_path, text=RECIPES + STUDY.replace("digits", tag))

    assert not made.exists()


@pytest.mark.parametrize("text", ["", "[]", "3", "a: &a [*a]", "\t", "\udcff"])
def test_a_file_that_is_no_mapping_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    if text:
        with pytest.raises(ValueError, match=r"experiments\.yaml"):
            load_experiments(path)
    else:
        assert load_experiments(path).studies == {}


def test_an_unknown_study_names_the_nearest(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, RECIPES + STUDY))

    with pytest.raises(ValueError, match=r"'fist' is unknown\. Did you mean first\?"):
        resolve_study(source, "fist")


def test_the_file_in_the_folder_wins_over_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = find_experiments()
    own = write(tmp_path, RECIPES)

    assert project.parent == PROJECT
    assert find_experiments().resolve() == own.resolve()
    with pytest.raises(ValueError, match="is no file"):
        find_experiments(tmp_path / "absent.yaml")


def test_the_shipped_file_can_be_read_through() -> None:
    lines = shipped_experiments().read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 500
    assert max(map(len, lines)) <= 120


def test_every_trajectory_has_a_study_of_its_name() -> None:
    studies = load_experiments(find_experiments()).studies

    for name in TRAJECTORIES:
        assert studies[name].trajectory == name
        assert studies[name].points.kind == "cumulative"


def test_the_imagenet_studies_follow_the_paper() -> None:
    """arXiv 2201.03545, Table 5, and main.py of its repository for what the table leaves open."""
    recipe = load_experiments(find_experiments()).studies["resnet50_to_convnext_t"].recipe

    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.weight_decay) == (
        *(300, 4096, 4e-3),
        0.05,
    )
    assert (recipe.optimizer, recipe.betas, recipe.eps) == ("adamw", (0.9, 0.999), 1e-8)
    assert (recipe.schedule, recipe.warmup_epochs, recipe.min_lr) == ("cosine", 20, 1e-6)
    assert (recipe.mixup, recipe.cutmix, recipe.mixup_prob) == (0.8, 1.0, 1.0)
    assert (recipe.mixup_switch_prob, recipe.mixup_mode) == (0.5, "batch")
    assert (recipe.label_smoothing, recipe.ema_decay, recipe.decay_all) == (0.1, None, False)
    augment = recipe.augment
    assert (augment.rand_augment, augment.random_erasing) == ("rand-m9-mstd0.5-inc1", 0.25)
    assert (augment.erasing_mode, augment.color_jitter) == ("pixel", 0.4)
    assert (augment.crop, augment.interpolation, augment.hflip) == (
        *("random_resized", "bicubic"),
        0.5,
    )


def test_the_plain_recipe_and_network_are_torchvisions() -> None:
    study = load_experiments(find_experiments()).studies["resnet50_reference"]
    recipe = study.recipe

    (row,) = make_plan(study).rows
    assert row.spec == SPECS["resnet50__torchvision"]
    assert isinstance(row.spec, ArchSpec)
    assert (row.spec.init, row.spec.drop_path_rate) == (Init("fan_out"), 0)
    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.momentum) == (90, 256, 0.1, 0.9)
    assert (recipe.optimizer, recipe.weight_decay, recipe.decay_all) == ("momentum", 1e-4, True)
    assert (recipe.schedule, recipe.decay_epochs, recipe.decay_rate) == ("step", 30, 0.1)
    assert (recipe.label_smoothing, recipe.mixup, recipe.augment.rand_augment) == (0, 0, None)


TEXTS = ("007", "1e3", "2024_01_15", "2024-01-15", "12:30:45", "0x10", "no", "1.10", "~x")


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_as_it_is_written(text: str, tmp_path: Path) -> None:
    """YAML reads most of these as numbers, dates or truth values."""
    file = write(
        tmp_path,
        f"recipes: {{'2024': {{epochs: 2}}}}\nstudies:\n  s:\n    title: {text}\n"
        "    trajectory: convnext_nano\n    recipe: 2024\n"
        f"    data: {{name: image_folder, folder: {text}, title: {text}}}\n",
    )
    study = resolve_study(read_source(file), "s")
    assert (study.title, study.data.folder, study.data.title) == (text, text, text)
    assert study.recipe_name == "2024"
    typed = resolve_study(read_source(file), "s", [f"data.folder={text}", f"title={text}"])
    assert (typed.data.folder, typed.title) == (text, text)
    point = [f"points.lists={{p: [{text}]}}", "points.kind=explicit"]
    with pytest.raises(ValueError, match=f"has {text!r}, which is no step"):
        resolve_study(read_source(file), "s", point)


def test_a_study_may_get_its_folder_on_the_command_line(tmp_path: Path) -> None:
    file = write(tmp_path, "studies: {s: {trajectory: convnext_nano, data: {name: image_folder}}}")
    assert load_experiments(file).studies["s"].data.folder is None
    assert resolve_study(read_source(file), "s", ["data.folder=x"]).data.folder == "x"
    with pytest.raises(ValueError, match=r"studies\.s\.data\.name.* needs data\.folder"):
        resolve_study(read_source(file), "s")
