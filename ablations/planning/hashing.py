"""Run ids of many networks that share all else: what they have in common is hashed once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ablations.extensions.used import Used, used_by
from ablations.planning.identity import named, texts
from ablations.planning.run_config import RunConfig, decides
from lit_models.families.reference import Network
from lit_models.families.serialise import to_dict


@dataclass(frozen=True)
class Hashing:
    """The runs of one study: `first` is one of them, `of_weights` the code of its weights."""

    first: RunConfig
    of_weights: Used

    @cached_property
    def common(self) -> Mapping[str, str]:
        """What is hashed of all of them, but for what a network decides."""
        return {k: t for k, t in texts(decides(self.first)).items() if k != "extensions"}

    def of(self, spec: Network) -> tuple[Used, Mapping[str, str]]:
        """The files of one's own that the runs of a network depend on, and what is hashed."""
        recipe = self.first.recipe
        used = used_by(spec, self.first.data, augmentation=recipe.augment, metrics=recipe.metrics)
        used = used | self.of_weights
        own = texts({"spec": to_dict(spec), **({"extensions": sorted(used)} if used else {})})
        return used, {**self.common, **own}

    def run_ids(self, spec: Network, seeds: Iterable[int]) -> dict[int, str]:
        """The runs of a network, by seed."""
        hashed = self.of(spec)[1]
        return {seed: self.named(hashed, seed) for seed in seeds}

    def named(self, hashed: Mapping[str, str], seed: int) -> str:
        """The id of one seed's run."""
        return named(dict(hashed), name=self.first.data.name, seed=seed)
