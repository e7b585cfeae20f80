"""What makes two runs the same run: a hash of everything that decides their result."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from ablations.planning.normal_form import SCHEMA_VERSION, hashed
from ablations.studies.config import Recipe
from datamodules.catalog.catalog import identity as data_identity
from datamodules.config.data import DataConfig
from lit_models.families.reference import Network, TimmModel
from lit_models.families.serialise import TIMM, to_dict
from lit_models.recipe.config import device_batch
from lit_models.recipe.weight_files import checksum, weight_files
from lit_models.space.spec import ArchSpec


def identity(
    spec: Network, *, data: DataConfig, recipe: Recipe, seed: int, content: str | None
) -> dict[str, Any]:
    """The fully resolved configuration of a run as plain data.

    No study, step label or hardware is in it, so that equal configurations are one run. Files of
    weights that the recipe names are in it by their content; where they lie is no part of the hash.
    What a device takes at once is resolved: null and the same number said aloud are one run.
    Raises ValueError when such a file is not there.
    """
    files = weight_files(recipe)
    weights = {key: checksum(path) for key, path in files.items()}
    return {
        "schema": SCHEMA_VERSION,
        "spec": to_dict(spec),
        "data": data_identity(data),
        "content": content,  # datamodules.catalog.catalog.content(data), which looks at every file
        "recipe": asdict(recipe)
        | {"batch_size_per_device": device_batch(recipe)}
        | {key: str(path) for key, path in files.items()},
        **({"weights": weights} if weights else {}),
        "seed": seed,
    }


def run_id(identity: dict[str, Any]) -> str:
    """A readable, unique name, which is also the run's folder: `digits-seed0-0123456789ab`."""
    kinds = {
        "spec": TimmModel if TIMM in identity["spec"] else ArchSpec,
        "data": DataConfig,
        "recipe": Recipe,
    }
    decided = {key: hashed(value, kinds.get(key)) for key, value in identity.items()}
    decided["recipe"] |= identity.get("weights", {})
    decides = digest(decided)
    return f"{identity['data']['name']}-seed{identity['seed']}-{decides[:12]}"


def digest(plain: Any) -> str:
    """SHA-256 of plain data; the order of keys does not matter."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
