"""What the numbers of the key `robustness` may be."""

from collections.abc import Mapping, Sequence

from lit_models.registry.ranges import COUNT, Range

_SEED = Range(0, 2**32 - 1)
_PIXEL = Range(0, 1)  # a change of a pixel, of those in [0, 1]

ROBUSTNESS: Mapping[str, Range] = {"images": COUNT, "seed": _SEED, "batch_size": Range(1, 65536)}
OCCLUSION: Mapping[str, Range] = {"patch": Range(1, 4096)}
ATTACKS: Mapping[str, Range] = {
    **dict.fromkeys(("fgsm", "pgd", "taig"), _PIXEL),
    "steps": Range(1, 1000),
    "sweep": Range(1, 1000),
    "restarts": Range(1, 1000),
}
LESION: Mapping[str, Range] = {"draws": Range(1, 1000), "stages": Range(1, 64)}
NOISE: Mapping[str, Range] = {"rings": Range(1, 2048), "rms": Range(0, 1, open_low=True)}
RECEPTIVE_FIELD: Mapping[str, Range] = {"side": Range(4, 4096), "images": COUNT}


def check_eps(name: str, values: Sequence[float] | None) -> None:
    """Raise ValueError, beginning with the key, for changes that are no parts of a pixel."""
    key = f"robustness.attacks.{name}"
    for value in values or ():
        if value > 1:
            whole = f"{value:g}"
            raise ValueError(
                f"{key} is {value}: {name} eps {whole} is above 1: eps is in pixels of [0, 1]; did "
                f"you mean {whole}/255?"
            )
    if values is not None and len(set(values)) < len(values):
        raise ValueError(f"{key} is {list(values)}, but it has to list none twice.")
