"""What the files of runs and studies look like: what is read from one was checked against this."""

from collections.abc import Mapping
from typing import Any

from ablations.files.shapes import Object
from lit_models.training.metrics import (
    CLASSES,
    EPOCHS,
    FIT_SECONDS,
    GMACS,
    IMAGES_PER_S,
    PARAMS,
    PEAK_MEMORY_MB,
    TEST_CLASS_IMAGES,
    TEST_IMAGES,
    TEST_TOP1,
    TRAIN_IMAGES,
    TRAIN_SECONDS,
)

_NUMBER, _COUNT, _TEXT = (float, None), (int, None), (str, None)
_DICT = Object()
_EACH_TEXT = Object(each=_TEXT)

STATUS = Object(
    {"state": str},
    {
        "epoch": _COUNT,
        "epochs": _COUNT,
        "metrics": (Object(each=float), None),
        "message": _TEXT,
        "started": str,
        "seconds": _NUMBER,
    },
)

# Other keys are free; those with a slash are metrics, see `check_summary`.
_MEASURED = (PARAMS, GMACS, IMAGES_PER_S, PEAK_MEMORY_MB, TRAIN_SECONDS, FIT_SECONDS)
_COUNTED = (EPOCHS, CLASSES, TRAIN_IMAGES, TEST_IMAGES, *TEST_CLASS_IMAGES)
SUMMARY = Object(
    {TEST_TOP1: float}, {**dict.fromkeys(_COUNTED, int), **dict.fromkeys(_MEASURED, float)}
)

PREDICTIONS = Object({"images": int, "right": int, "classes_sha256": str, "right_bits": str})

_EXTENSION = Object({"file": str, "names": [str]}, {"package": _TEXT})
CONFIG = Object(
    known={
        "run_id": str,
        "schema": int,
        "content": _TEXT,
        "weights": Object(each=str),
        "spec": _DICT,
        "data": Object(
            {"name": str},
            {
                **dict.fromkeys(("image_size", "train_limit", "test_limit"), _COUNT),
                "test_fraction": _NUMBER,
                "folder": _TEXT,
            },
        ),
        "recipe": Object(known={"epochs": int, "augment": _DICT}),
        "seed": int,
        "labels": Object(known={"steps": [str], "start_from": [str], "texts": [[str]]}, each=_TEXT),
        "hardware": _DICT,
        "extensions": Object(each=_EXTENSION),
        "root": _TEXT,
        "folder": _TEXT,
        "beton": _TEXT,
    }
)
CONFIG_KEYS = ("spec", "data", "recipe", "seed")  # without them it says nothing of a run

_GIT = Object(known={"commit": str, "diff_sha256": _TEXT})
_MACHINE = Object(
    known={
        "gpus": ([str], None),
        "cpu": _TEXT,
        "cores": _COUNT,
        "threads": _COUNT,
        "system": _TEXT,
    }
)
_SESSION = Object(
    known={
        "started": str,
        "git": (_GIT, None),
        "versions": (_EACH_TEXT, None),
        "hardware": (_MACHINE, None),
        "reading": _TEXT,
    }
)
PROVENANCE = Object(known={"sessions": [_SESSION]})

_ROW = Object(
    {"point": str, "step": str, "steps": [str], "seed": int, "run_id": str},
    {"network": _TEXT, "base": _TEXT, "params": _COUNT, "gmacs": _NUMBER, "unmatched": _TEXT},
)
_ILLEGAL = Object({"point": str, "reason": str})
_ABSORBED = Object(
    {"point": str, "step": str, "steps": [str], "into": str, "unmatched": Object(each=str)}
)
_MATCH = Object(
    {"unit": str, "target": float, "asked": str, "within": float, "absorbed": [_ABSORBED]}
)
_STEP = Object(
    {"name": str, "title": str, "summary": str, "texts": [str], "group": str, "source": str}
)
_OUTLINE = Object(
    {
        "name": str,
        "title": str,
        "start_title": str,
        "image_size": int,
        "published": _TEXT,
        "steps": [_STEP],
        "alternatives": Object(each=[_STEP]),
    }
)
INDEX = Object(
    {"points": str, "trajectory": str, "command": str, "rows": [_ROW]},
    {
        **dict.fromkeys(("title", "data_title", "published", "base", "replaced"), _TEXT),
        "overrides": ([str], None),
        "illegal": ([_ILLEGAL], None),
        "outline": (_OUTLINE, None),
        "match": (_MATCH, None),
        "seeds_rule": Object({"first": int, "most": int, "half_width": float}),
        "orders": ([[[str]]], None),
        "robustness": (Object(), None),
    },
)


def metrics_of(summary: Mapping[str, Any]) -> Object:
    """The shape of a summary: every metric in it, raw or averaged, is a number."""
    metrics = dict.fromkeys((name for name in summary if "/" in name), float)
    return Object({**SUMMARY.needed, **metrics}, SUMMARY.known)
