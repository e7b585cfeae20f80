"""The analyses that reports know: one line each. What they bring stands in their own folders."""

from ablations.evaluation.analysis import EVALUATION
from ablations.predictions.analysis import PREDICTIONS

__all__ = ["EVALUATION", "PREDICTIONS"]
