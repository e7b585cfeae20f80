"""The analyses that reports know: one line each. What they bring stands in their own folders."""

from ablations.attribution.analysis import ATTRIBUTION
from ablations.equal_cost.analysis import EQUAL_COST
from ablations.evaluation.analysis import EVALUATION
from ablations.predictions.analysis import PREDICTIONS
from ablations.report.convergence import CONVERGENCE
from ablations.report.seed_stages import SEED_STAGES
from ablations.robustness.analysis import ROBUSTNESS

__all__ = [
    "ATTRIBUTION",
    "CONVERGENCE",
    "EQUAL_COST",
    "EVALUATION",
    "PREDICTIONS",
    "ROBUSTNESS",
    "SEED_STAGES",
]
