"""The analyses that reports know: one line each. What they bring stands in their own folders."""

from ablations.attribution.analysis import ATTRIBUTION
from ablations.evaluation.analysis import EVALUATION
from ablations.predictions.analysis import PREDICTIONS

__all__ = ["ATTRIBUTION", "EVALUATION", "PREDICTIONS"]
