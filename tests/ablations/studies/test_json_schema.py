"""The JSON Schema of a study file: as current as the classes, and as strict as the reader."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations.cli import main
from ablations.studies.config import Hardware, StudyConfig, shipped_experiments
from ablations.studies.schema.field_comments import field_comments
from ablations.studies.schema.study_file import study_file_schema
from ablations.studies.seeds import as_written
from ablations.studies.study_file import load_experiments, read_source
from tests.ablations.studies.schema_checker import problems
from tests.support.project import PROJECT

SCHEMA = study_file_schema()
FILE = PROJECT / "ablations" / "studies" / "experiments.schema.json"


def in_file(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_the_committed_schema_is_that_of_the_classes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert FILE.read_text() == capsys.readouterr().out, (
        "renew it: ablate schema > ablations/studies/experiments.schema.json"
    )


def test_the_shipped_file_names_the_schema_and_keeps_to_it() -> None:
    path = shipped_experiments()
    (line,) = [x for x in path.read_text().splitlines() if x.startswith("# yaml-language-server")]
    assert path.parent / line.partition("$schema=")[2] == FILE

    assert problems(read_source(path).data, SCHEMA) == []


# What is wrong, what the schema says of it, what the reader says.
A = "studies: {a: {trajectory: convnext_nano, "
BAD = {
    "section": ("recipe: {}", "recipe: is no key", "'recipe' is unknown"),
    "key": (A + "recipe: {epoch: 1}}}", "studies.a.recipe: {'epoch': 1} is nothing", "'epoch'"),
    "study key": (A + "seed: [1]}}", "studies.a.seed: is no key", "'seed'"),
    "word": (A + "hardware: {devices: two}}}", "devices: 'two' breaks type", "devices is 'two'"),
    "range": ("recipes: {a: {lr: 0}}", "recipes.a.lr: 0 breaks exclusiveMinimum", "recipe.lr"),
    "share": (
        "recipes: {a: {betas: [0.9, 1.5]}}",
        "betas.1: 1.5 breaks exclusiveM",
        "recipe.betas",
    ),
    "image size": (A + "data: {image_size: 1}}}", "a.data: {'image_size': 1}", "data.image_size"),
    "choice": ("recipes: {a: {mixup_mode: all}}", "mixup_mode: 'all' breaks enum", "mixup_mode"),
    "list": (A + "seeds: 3}}", "studies.a.seeds: 3 is nothing", "seeds"),
    "stages": (A + "seeds: {first: 1}}}", "seeds: {'first': 1} is nothing", "seeds.first"),
    "stages by key": (A + "overrides: {seeds.most: 1}}}", "seeds.most: 1 breaks min", "seeds.most"),
    "kind": (A + "points: cumulativ}}", "points: 'cumulativ' is nothing", "'cumulativ'"),
    "network": ("networks: {a: {bas: resnet50}}", "networks.a: {'bas'", "'bas'"),
    "step": (
        "trajectories: {t: {start: resnet50, steps: {w: {stap: width=32}}}}",
        "trajectories.t.steps.w: {'stap'",
        "'stap'",
    ),
    "override": (A + "overrides: {recipe.epoch: 1}}}", "recipe.epoch: is no key", "'epoch'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_reader_refuses_the_schema_refuses(name: str, tmp_path: Path) -> None:
    text, schema_says, reader_says = BAD[name]
    (found,) = problems(in_file(text), SCHEMA)
    assert schema_says in found

    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"bad\.yaml:1 .*{reader_says}"):
        load_experiments(path)


@pytest.mark.parametrize(
    "text",
    [
        "recipes: {a: {layer_decay: null, drop_path_rate: 0.1, lr_knots: [[0, 0.5], [1, 0]]}}",
        "studies: {a: {data: digits, recipe: quick, points: factorial}}",
        "studies: {a: {title: 2024, data: {name: digits, image_size: 16}}}",
        "studies: {a: {points: {kind: networks, networks: {b: [resnet50, depths=1+1+1+1]}}}}",
        "networks: {a: [resnet50, kernel_size=7], b: resnet50, c: {base: a, steps: norm=layer}}",
        "trajectories: {t: {start: [resnet50, width=96], image_size: 64, steps: {w: width=32, "
        "k: {steps: [kernel_size=7], group: large kernel, alternatives: {k5: kernel_size=5}}}}}",
        "studies: {a: {like: convnext_nano}}",
        "studies: {a: {seeds: {first: 2, most: 8, until: {half_width: 0.5}}}}",
        "studies: {a: {overrides: {seeds.most: 8, seeds.until.half_width: 1, seeds: [0, 1]}}}",
        "studies: {a: {overrides: {recipe.epochs: 3, points.alternatives: true}}}",
    ],
)
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    assert problems(in_file(text), SCHEMA) == []


def test_every_key_has_its_comment_as_description() -> None:
    keys = SCHEMA["$defs"]["Hardware"]["properties"]
    assert keys["devices"]["description"] == "devices that train one run together (DDP)"
    assert (keys["devices"]["default"], keys["devices"]["minimum"]) == (1, 1)
    assert set(field_comments(Hardware)) == set(keys)
    assert set(SCHEMA["$defs"]["Study"]["properties"]) >= {
        as_written(name) for name in StudyConfig.__annotations__
    }
    assert "None" not in json.dumps(SCHEMA)


@dataclass
class Commented:
    """Comments above a field, after it, on several lines, and apart."""

    # of the first,
    # on two lines
    first: int = 1
    second: tuple[int, int] = (  # of the second
        1,
        2,  # and more
    )
    # of nothing

    third: str = "# no comment"


def test_comments_belong_to_the_field_they_touch() -> None:
    assert field_comments(Commented) == {
        "first": "of the first, on two lines",
        "second": "of the second and more",
    }
