"""Whether the confidence of a network tells images of other classes from those of its own.

Images of other classes are the positives, and the score of an image is minus the largest softmax
probability (Hendrycks and Gimpel 2017, arXiv 1610.02136; arXiv 1907.07174 for ImageNet-O).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RECALL = 0.95
Confidences = NDArray[np.floating]


@dataclass(frozen=True)
class Detection:
    """How well images of other classes are found, in percent.

    Attributes:
        aupr: area under precision and recall, as average precision; `chance` where scores say
            nothing. Higher is better.
        auroc: area under the receiver operating characteristic. Higher is better, 50 is chance.
        fpr95: share of images of its own classes that are taken for others where 95 % of the
            others are found. Lower is better.
        chance: the share of positives.
    """

    aupr: float
    auroc: float
    fpr95: float
    chance: float


def detection(others: Confidences, own: Confidences) -> Detection:
    """From the largest softmax probabilities, of images of other classes and of its own."""
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    positive = np.repeat([True, False], [len(others), len(own)])
    score = -np.concatenate([others, own]).astype(np.float64)
    wrongly, found, _ = roc_curve(positive, score, drop_intermediate=False)
    return Detection(
        aupr=100 * float(average_precision_score(positive, score)),
        auroc=100 * float(roc_auc_score(positive, score)),
        fpr95=100 * float(wrongly[np.argmax(found >= _RECALL)]),
        chance=100 * len(others) / len(positive),
    )
