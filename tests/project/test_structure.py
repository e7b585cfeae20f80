"""The drawing holds: arrows run down, nothing goes round, rooms and files stay small.

lit_models:  from the design space to training; knows no other package
datamodules: from a configuration to batches; knows of the others only the registry
ablations:   from studies to reports
"""

from pathlib import Path

import pytest

from tests.support.project import PROJECT
from tests.support.sources.module_names import dangling
from tests.support.sources.structure import (
    against_the_layers,
    between_packages,
    circles,
    folders,
    imports,
    modules,
    too_full,
    too_long,
)

# From the lowest up: a room uses rooms of lower layers only.
LAYERS = {
    "lit_models": (
        ("registry",),
        ("primitives",),
        ("space",),
        ("families",),
        ("steps",),
        ("network",),
        ("recipe",),
        ("weights",),
        ("training", "probes"),
    ),
    "datamodules": (
        ("config",),
        ("sampling", "beton"),
        ("augment", "catalog", "corruptions", "occlusion"),
        ("decoding", "perturbations"),
        ("sets",),
        ("readers",),
        ("writing", "benchmarks"),
        ("module",),
    ),
    "ablations": (
        ("files", "process", "statistics"),
        ("store",),
        ("extensions",),
        ("studies",),
        ("planning",),
        ("run", "terminal", "compare"),
        ("figures", "evaluation"),
        (
            "grid",
            "attribution",
            "equal_cost",
            "predictions",
            "export",
            "board",
            "bench",
            "robustness",
        ),
        ("report",),
        ("commands",),
        ("cli", "extend"),
        ("__main__",),
    ),
}
USES = {
    "lit_models": (),
    "datamodules": ("lit_models.registry",),
    "ablations": ("lit_models", "datamodules"),
    "tests": ("lit_models", "datamodules", "ablations"),
}
COMPILED = ("datamodules.decoding._decode",)  # from decode.c, where a compiler is

FILES = modules(PROJECT, LAYERS)
TESTS = modules(PROJECT, ["tests"])
ARROWS = imports(FILES)


def test_no_modules_need_each_other() -> None:
    assert not circles(ARROWS)


def test_no_folders_need_each_other() -> None:
    assert not circles(folders(ARROWS, FILES))


@pytest.mark.parametrize("package", LAYERS)
def test_arrows_run_down(package: str) -> None:
    assert not against_the_layers(ARROWS, package, LAYERS[package])


def test_packages_use_what_they_may() -> None:
    assert not between_packages(imports(FILES | TESTS), USES)


def test_no_folder_is_too_full() -> None:
    assert not too_full(FILES | TESTS, most=15)


def test_no_file_or_function_is_too_long() -> None:
    assert not too_long(FILES, lines=300, function=60)


def test_every_module_that_a_string_names_is_there() -> None:
    assert not dangling(FILES, list(LAYERS), known=COMPILED)


# What the checks are worth: each finds its fault in a package that has it.


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A package of two rooms, and one beside it."""
    write(tmp_path, "house/__init__.py", 'HOME = {"wall": "house.low.brick"}')
    write(tmp_path, "house/low/__init__.py", "")
    write(tmp_path, "house/low/brick.py", "def wall():\n    return 1")
    write(tmp_path, "house/high/roof.py", "def top():\n    from house.low import brick")
    write(tmp_path, "guest/visit.py", "import house.low.brick")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(f"{text}\n")


def arrows(root: Path) -> dict[str, set[str]]:
    return imports(modules(root, ["house", "guest"]))


ROOMS = (("low",), ("high",))


def test_a_sound_package_has_no_fault(sources: Path) -> None:
    files = modules(sources, ["house", "guest"])
    found = imports(files)
    assert found["house.high.roof"] == {"house.low.brick"}
    assert not circles(found)
    assert not circles(folders(found, files))
    assert not against_the_layers(found, "house", ROOMS)
    assert not between_packages(found, {"house": (), "guest": ("house",)})
    assert not too_full(files, most=1)
    assert not too_long(files, lines=2, function=2)
    assert not dangling(files, ["house", "guest"])


@pytest.mark.parametrize(
    "back",
    [
        "def lazily():\n    from house.high import roof",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.high.roof import top",
        "import house.high.roof",
    ],
)
def test_an_arrow_back_is_found_wherever_it_stands(sources: Path, back: str) -> None:
    write(sources, "house/low/brick.py", back)
    (circle,) = circles(arrows(sources))
    assert "house.low.brick needs house.high.roof" in circle
    (fault,) = against_the_layers(arrows(sources), "house", ROOMS)
    assert fault == "house.low.brick needs house.high.roof, which is no room below its own"


def test_a_circle_of_folders_need_not_be_one_of_modules(sources: Path) -> None:
    write(sources, "house/low/sand.py", "import house.high.roof")
    files = modules(sources, ["house"])
    assert not circles(imports(files))
    assert circles(folders(imports(files), files))


def test_a_room_without_a_layer_and_a_layer_without_a_room_are_found(sources: Path) -> None:
    assert against_the_layers(arrows(sources), "house", (("low",), ("attic",))) == [
        "house: no room 'high' stands in the layers",
        "house: there is no room 'attic'",
    ]


def test_rooms_of_one_layer_may_not_use_each_other(sources: Path) -> None:
    (fault,) = against_the_layers(arrows(sources), "house", (("low", "high"),))
    assert fault.startswith("house.high.roof needs house.low.brick")


def test_a_room_may_not_use_its_own_package_from_above(sources: Path) -> None:
    write(sources, "house/high/roof.py", "from house import wall")
    assert against_the_layers(arrows(sources), "house", ROOMS)


def test_an_arrow_to_another_package_is_found(sources: Path) -> None:
    assert between_packages(arrows(sources), {"house": (), "guest": ("house.high",)}) == [
        "guest.visit needs house.low.brick"
    ]


def test_what_is_too_much_is_found(sources: Path) -> None:
    write(sources, "house/low/sand.py", "def long():\n    a = 1\n    return a")
    files = modules(sources, ["house"])
    assert too_full(files, most=1) == [f"{sources}/house/low has 2 modules: more than 1"]
    assert too_long(files, lines=2, function=2) == [
        f"{sources}/house/low/sand.py has 3 lines: more than 2",
        f"{sources}/house/low/sand.py:1 long: 3 lines",
    ]


@pytest.mark.parametrize(
    "name", ["house.low.stone", "house.low.brick:roof", "house.low.brick.roof"]
)
def test_a_string_that_leads_nowhere_is_found(sources: Path, name: str) -> None:
    write(sources, "guest/visit.py", f"WORKER = {name!r}")
    (fault,) = dangling(modules(sources, ["house", "guest"]), ["house", "guest"])
    assert fault.startswith(f"{sources}/guest/visit.py:1: house.low.")


def test_a_lazy_name_that_leads_nowhere_is_found(sources: Path) -> None:
    write(sources, "house/__init__.py", 'HOME = {"door": "house.low.brick"}')
    (fault,) = dangling(modules(sources, ["house"]), ["house"])
    assert fault.endswith("house.low.brick:door is not there")
