"""What images are called in a report: never one name for two definitions."""

from collections.abc import Mapping
from types import MappingProxyType

from ablations.compare.data_facts import data_title
from ablations.compare.records import StudyRecord
from ablations.robustness.results.choice import OWN_IMAGES, data_name
from ablations.robustness.results.collected import Collected
from datamodules.benchmarks.entries import SETS

# By the first word of keys of conditions; `{}`: the data set. What is made in memory is called so,
# since it is another thing than a benchmark's files.
_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "corruptions": "{}-C (in memory)",
        "perturbations": "{}-P (in memory)",
        "occlusion": "{}, patches dropped",
        "attacks": "{}, attacked",
        "analyses": "{}, analyses",
    }
)
_AVERAGED = "moving average of the weights"
_USUAL = "float32"


def title(study: StudyRecord, collected: Collected) -> str:
    """The data set's name for people, with what is unusual of how networks were asked."""
    weights = _AVERAGED if collected.asked.weights == "ema" else ""
    precision = collected.asked.precision
    draws = f"draws of seed {collected.asked.seed}" if collected.asked.seed else ""
    parts = (_data(study, collected), weights, "" if precision == _USUAL else precision, draws)
    return ", ".join(filter(None, parts))


def set_title(study: StudyRecord, collected: Collected, start: str) -> str:
    """What the images are called of conditions whose keys begin with `start`."""
    kind, _, rest = start.partition("/")
    if kind not in OWN_IMAGES:
        return _TITLES.get(kind, "{}").format(title(study, collected))
    name = rest.partition("/")[0]
    return SETS[name].title if name in SETS else data_set_title(name)


def _data(study: StudyRecord, collected: Collected) -> str:
    name = data_name(collected.asked)
    own = study.config.get("data", {}).get("name")
    return data_title(study) if name in (None, own) else data_set_title(str(name))


def data_set_title(name: str) -> str:
    """A data set of the catalogue for people; another name as it is."""
    from datamodules.catalog.catalog import DATASETS

    info = DATASETS.get(name)
    return info.title.partition(",")[0] if info is not None else name


def condition_title(name: str) -> str:
    """A corruption, perturbation or other condition for people: `JPEG compression`."""
    return name.replace("_", " ").replace("jpeg", "JPEG")


def eps_title(name: str) -> str:
    """The largest change of an attack as conditions have it, for people: `8/255` of `8_255`."""
    return name.replace("_", "/")
