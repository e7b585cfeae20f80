"""What a report says about one point."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lit_models.training.metrics import GMACS, PARAMS


@dataclass(frozen=True)
class Row:
    """What the report says about one point. Accuracies and differences in percent of top-1.

    Attributes:
        made_of: the network that a point names with its steps; None on a trajectory.
        on_main_line: False for an alternative that the trajectory did not keep.
        reference: the label of the point that it is compared with.
        seeds: finished ones, of `planned_seeds`.
        top1: test accuracy of each finished seed after the last epoch.
        delta: mean difference to the reference, paired by seed (`delta_seeds` pairs), with the ends
            of its 95 % t interval and the sign-flip p-value; these are None with fewer than two
            pairs.
        equal_predictions: both predict one class for every test image in every pair: there is no
            effect to measure and no interval.
        published_top1: of the paper's row of the same step or name, as are all `published_*`.
        published_more: other printed numbers, by name.
        published_differs: what of network, data set, image size and epochs is not as in this study;
            None: nothing.
        published_best_epoch: it is the best epoch on the validation images.
        values: what the registered columns measured, by their keys.

    None: not known (yet).
    """

    point: str
    step: str
    title: str
    made_of: str | None
    on_main_line: bool
    reference: str | None
    seeds: int
    planned_seeds: int
    top1: Mapping[int, float]
    top1_mean: float | None
    top1_std: float | None
    delta_seeds: int
    delta: float | None
    delta_low: float | None
    delta_high: float | None
    delta_p: float | None
    equal_predictions: bool | None
    published_top1: float | None
    published_std: float | None
    published_gmacs: float | None
    published_params_m: float | None
    published_more: Mapping[str, float]
    published_source: str | None
    published_setting: str | None
    published_differs: str | None
    published_note: str | None
    published_best_epoch: bool | None
    values: Mapping[str, Any]

    @property
    def params(self) -> int | None:
        """Parameters of the network."""
        found: int | None = self.values.get(PARAMS)
        return found

    @property
    def gmacs(self) -> float | None:
        """Multiply-adds of one image, in 1e9."""
        found: float | None = self.values.get(GMACS)
        return found

    def plain(self) -> dict[str, Any]:
        """One level of plain data, with the values beside the other fields.

        `on_main_line` is `adopted` there, as it was called when the first reports were written.
        """
        named = asdict(self)
        values: dict[str, Any] = named.pop("values")
        return {_RENAMED.get(key, key): value for key, value in named.items()} | values


_RENAMED = {"on_main_line": "adopted"}
# What `plain` calls the fields, of which no column's value may have the name.
PLAIN_KEYS = frozenset(_RENAMED.get(f.name, f.name) for f in fields(Row)) - {"values"}
