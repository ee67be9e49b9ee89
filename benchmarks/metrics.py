"""Figures of merit: predictions with a score in, numbers out.

The first four follow the notebook of HINT3 (Arora et al., arXiv 2009.13833): a prediction whose
score is below the threshold counts as out of scope, and out of scope is one more class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from benchmarks.questions import OUT_OF_SCOPE
from stridewell.encoder import Array


@dataclass(frozen=True)
class Predictions:
    """What a system says of n labeled texts.

    Attributes:
        labels: n right answers; ``OUT_OF_SCOPE`` where there is none.
        best: n best intents.
        scores: (n,) scores of the best intents.
    """

    labels: list[str]
    best: list[str]
    scores: Array

    @property
    def in_scope(self) -> Array:
        """(n,) booleans: the text has a right answer."""
        return np.asarray(np.array(self.labels) != OUT_OF_SCOPE)

    @property
    def right(self) -> Array:
        """(n,) booleans: the best intent is the right answer."""
        return np.asarray(np.array(self.labels) == np.array(self.best))

    def decided(self, threshold: float) -> list[str]:
        """Return n intents, those with a score below the threshold as out of scope."""
        pairs = zip(self.best, self.scores, strict=True)
        return [best if score >= threshold else OUT_OF_SCOPE for best, score in pairs]

    def in_scope_accuracy(self, threshold: float) -> float:
        """Share of texts in scope that are accepted and right."""
        return float((self.right & (self.scores >= threshold))[self.in_scope].mean())

    def rejected(self, threshold: float) -> float:
        """Share of texts out of scope that are rejected."""
        return float((self.scores < threshold)[~self.in_scope].mean())

    def mcc(self, threshold: float) -> float:
        """Matthews correlation over all texts."""
        return float(matthews_corrcoef(self.labels, self.decided(threshold)))

    def best_mcc(self) -> float:
        """Largest Matthews correlation over all thresholds; it looks at the test set."""
        return max(self.mcc(threshold) for threshold in np.unique(self.scores))

    def auroc(self) -> float:
        """Chance that a text in scope scores higher than one out of scope."""
        return float(roc_auc_score(self.in_scope, self.scores))


@dataclass(frozen=True)
class Curve:
    """Points of a plot."""

    name: str
    x: list[float]
    y: list[float]


def risk_coverage(name: str, right: Array, scores: Array) -> Curve:
    """Share of wrong answers among those given, against the share of texts that get one.

    Args:
        name: Of the curve.
        right: (n,) booleans; answering a text out of scope is wrong.
        scores: (n,) scores; the highest are answered first.
    """
    order = np.argsort(-scores, kind="stable")
    given = np.arange(1, len(order) + 1)
    risk = np.cumsum(~right[order]) / given
    return Curve(name, (given / len(order)).tolist(), risk.tolist())


@dataclass(frozen=True)
class Bin:
    """Texts of like confidence: how many, how sure on average, how often right."""

    count: int
    confidence: float
    right: float


def reliability(right: Array, confidence: Array, bins: int = 10) -> list[Bin]:
    """Group n texts by confidence in bins of equal width; empty ones are left out."""
    numbers = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(
            int((numbers == n).sum()),
            float(confidence[numbers == n].mean()),
            float(right[numbers == n].mean()),
        )
        for n in range(bins)
        if (numbers == n).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of confidence from the share of right ones, weighted by count."""
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.confidence - each.right) for each in bins) / total


def worst_pairs(labels: Sequence[str], best: Sequence[str], most: int = 20) -> list[Pair]:
    """Return the pairs of intents that are most often taken for each other, most frequent first."""
    counts: dict[tuple[str, str], list[int]] = {}
    for label, given in zip(labels, best, strict=True):
        if label != given:
            first, second = sorted((label, given))
            counts.setdefault((first, second), [0, 0])[label == second] += 1
    pairs = [Pair(*names, *numbers) for names, numbers in counts.items()]
    pairs.sort(key=lambda pair: (-pair.forth - pair.back, pair.first, pair.second))
    return pairs[:most]


@dataclass(frozen=True)
class Pair:
    """How often ``first`` was taken for ``second`` (``forth``) and the reverse (``back``)."""

    first: str
    second: str
    forth: int
    back: int
