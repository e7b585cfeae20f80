"""What a report says about one point."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ablations.statistics.paired import SIGNIFICANCE
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
        delta: mean difference to the reference within seeds (`delta_seeds` of them).
        delta_low, delta_high: the ends of its 95 % interval from the noise of the whole study, see
            `statistics.moderated`; None where no network of the study has a second seed.
        delta_p: two-sided p of the same t test, of this difference alone.
        delta_p_holm: that p adjusted for all tests of the table: what alone marks a difference.
        delta_p_exact: sign-flip p of the differences within seeds.
        delta_paired_low, delta_paired_high: the t interval of the differences within seeds alone.
        variance: what the interval stands on: `std` of one run, `standard_error` and `degrees` of
            freedom of the difference, and the noise of the study (`statistics.study`).
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
    delta_p_holm: float | None
    delta_p_exact: float | None
    delta_paired_low: float | None
    delta_paired_high: float | None
    equal_predictions: bool | None
    variance: Mapping[str, Any] | None
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

    @property
    def stands_out(self) -> bool:
        """Whether its difference is found after the correction for all tests of the table."""
        return self.delta_p_holm is not None and self.delta_p_holm <= SIGNIFICANCE

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
