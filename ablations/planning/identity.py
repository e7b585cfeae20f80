"""What makes two runs the same run: a hash of everything that decides their result."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ablations.planning.normal_form import hashed
from ablations.studies.config import Recipe
from datamodules.config.data import DataConfig
from lit_models.families.reference import TimmModel
from lit_models.families.serialise import TIMM
from lit_models.space.spec import ArchSpec


def run_id(decides: Mapping[str, Any]) -> str:
    """A readable, unique name, which is also the run's folder: `digits-seed0-0123456789ab`.

    Of what `ablations.planning.run_config.decides` gives.
    """
    return named(texts(decides), name=decides["data"]["name"], seed=decides["seed"])


def texts(decides: Mapping[str, Any]) -> dict[str, str]:
    """What is hashed, as JSON, by its key: each part once for all runs that share it."""
    kinds = {
        "spec": TimmModel if TIMM in decides.get("spec", {}) else ArchSpec,
        "data": DataConfig,
        "recipe": Recipe,
    }
    decided = {key: hashed(value, kinds.get(key)) for key, value in decides.items()}
    if "weights" in decided:  # their content stands for the files
        decided["recipe"] |= decided["weights"]
    return {key: _canonical(value) for key, value in decided.items()}


def named(texts: Mapping[str, str], *, name: str, seed: int) -> str:
    """The run id of one seed of a configuration, on the data set of that name."""
    whole = {**texts, "seed": str(seed)}
    text = ",".join(f'"{key}":{whole[key]}' for key in sorted(whole))
    return f"{name}-seed{seed}-{_sha256('{' + text + '}')[:12]}"


def digest(plain: Any) -> str:
    """SHA-256 of plain data; the order of keys does not matter."""
    return _sha256(_canonical(plain))


def _canonical(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
