"""Everything that a study file can name, as plain data: its own and what is shipped."""

from collections.abc import Mapping
from typing import Any, TypeVar

from ablations.extensions.loading import extension_of
from ablations.studies.config import shipped_experiments
from ablations.studies.networks import network_after
from ablations.studies.own_networks import network_row
from ablations.studies.own_trajectories import own_trajectory
from ablations.studies.scope import Kind, names, owner, section
from ablations.studies.settings import last_said
from ablations.studies.yaml_source import YamlSource
from datamodules.catalog.catalog import DATASETS
from lit_models.families.specs import SPECS
from lit_models.primitives.primitive import PRIMITIVES, Primitive
from lit_models.registry.registry import Registry
from lit_models.steps.library import STEP_FACTORIES
from lit_models.steps.trajectories import TRAJECTORIES, Trajectory

T = TypeVar("T")


def listing(source: YamlSource) -> dict[str, list[dict[str, Any]]]:
    """What `--json` prints: lists of objects.

    studies: name, title, description, trajectory, points, networks (of points that name theirs, as
    they are written; else empty), data, folder (of a data set of one's own, else null), recipe,
    seeds. trajectories: name, title, image_size, published and steps (name, title, summary, group,
    source, texts, alternatives). networks: name and image_size (that its token MLPs are built for;
    null: any). steps (of networks): name, text (what it looks like), summary and source.
    primitives (of blocks): name, title, summary, source, after (layers that they may follow, first
    that of the step extra=NAME) and options (name, default and values in words). datasets:
    name, title, num_classes, image_size, licence, source. recipes: name and the keys that it sets.
    What is of a file of one's own comes first and has `file`.
    """
    return {
        "studies": [
            _of(source, "studies", name) | _study(source, name) for name in names(source, "studies")
        ],
        "trajectories": _trajectories(source),
        "networks": _networks(source),
        "steps": [
            own | {"text": step.syntax, "summary": step.summary, "source": step.source}
            for step, own in _registered(STEP_FACTORIES)
        ],
        "primitives": [own | _primitive(primitive) for primitive, own in _registered(PRIMITIVES)],
        "datasets": [
            own
            | {
                key: getattr(info, key)
                for key in ("title", "num_classes", "image_size", "licence", "source")
            }
            for info, own in _registered(DATASETS)
        ],
        "recipes": [
            {**_of(source, "recipes", name), **_keys_of(source, name)}
            for name in names(source, "recipes")
        ],
    }


def _of(source: YamlSource, kind: Kind, name: str) -> dict[str, Any]:
    """The name, and the file that has it where it is one's own."""
    file = owner(source, kind, name)
    own = file is not None and file.path.resolve() != shipped_experiments()
    return {"name": name, **({"file": str(file.path)} if own and file else {})}


def _registered(registry: Registry[T]) -> list[tuple[T, dict[str, Any]]]:
    """What a registry has, each with its name and, of a file of one's own, that: these first."""
    found = []
    for name, value in registry.items():
        extension = extension_of(registry.origin(name).file)
        file = {} if extension is None else {"file": str(extension.source.path)}
        found.append((value, {"name": name, **file}))
    return sorted(found, key=lambda one: "file" not in one[1])


def _keys_of(source: YamlSource, recipe: str) -> Mapping[str, Any]:
    file = owner(source, "recipes", recipe)
    return section(file, "recipes", recipe) if file is not None else {}


def _study(source: YamlSource, name: str) -> dict[str, Any]:
    said = last_said(source, name)

    def text(key: str) -> str:
        return said[key].text(()) or "" if key in said else ""

    def value(key: str, default: Any) -> Any:
        return said[key].value if key in said else default

    points, data = value("points", "cumulative"), value("data", "digits")
    return {
        **{key: text(key) for key in ("title", "description", "trajectory")},
        "points": _short(points, "kind", default="cumulative"),
        "networks": points.get("networks", {}) if isinstance(points, Mapping) else {},
        "data": _short(data, "name", default="digits"),
        "folder": said["data"].text(("folder",)) if "data" in said else None,
        "recipe": _short(value("recipe", ""), "name", default=""),
        "seeds": value("seeds", [0]),
    }


def _trajectories(source: YamlSource) -> list[dict[str, Any]]:
    own = {name: own_trajectory(source, name, where="") for name in names(source, "trajectories")}
    every = {**own, **{name: line for name, line in TRAJECTORIES.items() if name not in own}}
    return [
        _of(source, "trajectories", name) | _trajectory(line)
        for name, line in every.items()
        if line
    ]


def _networks(source: YamlSource) -> list[dict[str, Any]]:
    own = {name: network_row(source, [name], where="") for name in names(source, "networks")}
    built = {name: network_after(row[1:], network=row[0]) for name, row in own.items()}
    every = {**built, **{name: spec for name, spec in SPECS.items() if name not in own}}
    return [
        _of(source, "networks", name) | {"image_size": spec.image_size}
        for name, spec in every.items()
    ]


def _primitive(primitive: Primitive) -> dict[str, Any]:
    return {
        **{key: getattr(primitive, key) for key in ("title", "summary", "source")},
        "after": list(primitive.after),
        "options": [
            {"name": rule.name, "default": rule.default, "values": rule.expected}
            for rule in primitive.options.values()
        ],
    }


def _short(value: Any, key: str, *, default: str) -> Any:
    return value.get(key, default) if isinstance(value, Mapping) else value


def _trajectory(trajectory: Trajectory) -> dict[str, Any]:
    return {
        "title": trajectory.title,
        "image_size": trajectory.image_size,
        "published": trajectory.published,
        "steps": [
            {
                **{key: getattr(step, key) for key in ("name", "title", "summary")},
                **{key: getattr(step, key) for key in ("group", "source", "texts")},
                "alternatives": [s.name for s in trajectory.alternatives.get(step.name, ())],
            }
            for step in trajectory.steps
        ],
    }
