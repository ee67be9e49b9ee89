"""The intent model: texts and their sentence vectors in, a confidence for each intent out.

score = P^a * S^(1-a). P is the softmax over a kernel regression (a Gaussian kernel on sentence
vector and TF-IDF of character and word n-grams); S is the similarity to the nearest training
example of the intent. P alone is sure of itself far from all examples; S alone confuses neighbors;
their product is low wherever either is. One logistic curve, fitted on examples held out together
with everything that resembles them, turns the score into the probability of being right.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.linalg import cho_factor, cho_solve, get_lapack_funcs
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from stridewell.encoder import Array
from stridewell.products import FixedVectors, chunks
from stridewell.tfidf import Rows, TfIdf

FORMAT = 3
# How many rows are computed at a time.
CHUNK = 1000
NGRAMS: dict[str, dict[str, Any]] = {
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
}


class IntentModelError(Exception):
    """The model's files are missing or were written by another version."""


@dataclass(frozen=True)
class Settings:
    """How the model learns; the defaults are the best on the folds (docs/model-card.md).

    Attributes:
        kernel_weights: Shares of vectors, characters and words in the kernel's similarity.
        nearest_weights: The same shares in the similarity to the nearest example.
        sharpness: How fast the Gaussian kernel falls with distance.
        regularization: Noise added to the kernel's diagonal.
        balance: 0 trusts each example alike, 1 each intent alike.
        temperature: Of the softmax that makes P; smaller is sharper.
        power: Exponent a of P; S gets 1 - a.
        same_topic: Examples of an intent are held out together from this similarity on.
    """

    kernel_weights: tuple[float, float, float] = (6.0, 1.0, 0.5)
    nearest_weights: tuple[float, float, float] = (2.0, 1.0, 0.5)
    sharpness: float = 2.0
    regularization: float = 0.1
    balance: float = 0.5
    temperature: float = 0.08
    power: float = 0.5
    same_topic: float = 0.75


@dataclass
class HeldOut:
    """What the model says of each training example without having seen it or its like.

    Attributes:
        scores: (n, intents), columns in the order of ``labels``.
        targets: (n,) column of each example's own intent.
        labels: The intents.
    """

    scores: Array
    targets: Array
    labels: list[str] = field(default_factory=list)

    @property
    def best(self) -> Array:
        """(n,) column of the best intent of each example."""
        return np.asarray(self.scores.argmax(axis=1))

    @property
    def right(self) -> Array:
        """(n,) booleans: the best intent is the example's own."""
        return np.asarray(self.best == self.targets)

    @property
    def top(self) -> Array:
        """(n,) score of the best intent of each example."""
        return np.asarray(self.scores.max(axis=1))


class IntentModel:
    """Scores intents; made by ``fit`` or ``load``.

    Args:
        settings: How the model learns.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.labels: list[str] = []
        self._curve = (1.0, 0.0)
        self._tfidf: dict[str, TfIdf] = {}
        # The examples' n-grams, one row for each n-gram; a loaded model has them in its rows.
        self._ngrams: dict[str, csr_matrix] = {}
        self._rows: Rows | None = None
        self._vectors = np.zeros((0, 0), dtype=np.float32)
        self._fixed: FixedVectors | None = None
        self._weights = np.zeros((0, 0), dtype=np.float32)
        self._starts = np.zeros(0, dtype=np.int64)

    @property
    def vectors(self) -> Array:
        """(n, dimension) sentence vectors of the examples, by intent, otherwise in their order."""
        return self._vectors

    def fit(self, texts: Sequence[str], vectors: Array, labels: Sequence[str]) -> HeldOut:
        """Learn from n examples of at least two intents.

        Args:
            texts: n texts.
            vectors: Their sentence vectors, (n, dimension), unit length.
            labels: Their n intents.

        Returns:
            The scores of the examples, each held out with those of its intent that resemble it.

        Raises:
            IntentModelError: There are fewer than two intents.
        """
        self.labels = sorted(set(labels))
        if len(self.labels) < 2:
            raise IntentModelError("The intent model needs examples of two intents or more.")
        order = np.argsort(np.array(labels), kind="stable")
        texts = [texts[i] for i in order]
        self._vectors = np.ascontiguousarray(vectors[order], dtype=np.float32)
        targets = np.searchsorted(self.labels, np.array(labels)[order])
        self._starts = np.searchsorted(targets, np.arange(len(self.labels)))
        kernel, nearest = self._similarities(texts)
        self._kernel(kernel)
        sizes = np.bincount(targets)
        noise = (sizes / sizes.mean()) ** self.settings.balance * self.settings.regularization
        kernel[np.diag_indices_from(kernel)] += noise[targets]
        wanted = np.eye(len(self.labels))[targets]
        factor = cho_factor(kernel, lower=True, overwrite_a=True)
        weights = cho_solve(factor, wanted)
        self._weights = weights.astype(np.float32)
        np.maximum(nearest, 0.0, out=nearest)
        scores = self._held_out(factor[0], weights, wanted, nearest, targets)
        held_out = HeldOut(scores[np.argsort(order)], targets[np.argsort(order)], self.labels)
        self._curve = _logistic_curve(held_out.top, held_out.right)
        return held_out

    def _similarities(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """Return the similarities of all examples in the kernel, and to the nearest."""
        kernel = np.zeros((len(texts), len(texts)), dtype=np.float32)
        nearest = np.zeros_like(kernel)
        shares = zip(
            _shares(self.settings.kernel_weights),
            _shares(self.settings.nearest_weights),
            strict=True,
        )

        def add(rows: slice, block: Array, in_kernel: float, in_nearest: float) -> None:
            kernel[rows] += block * in_kernel
            nearest[rows] += block * in_nearest

        # A few rows at a time: these are the largest arrays of the training.
        of_vectors = next(shares)
        for rows in chunks(len(texts), CHUNK):
            add(rows, self._vectors[rows] @ self._vectors.T, *of_vectors)
        for (kind, ngrams), of_kind in zip(NGRAMS.items(), shares, strict=True):
            self._tfidf[kind] = TfIdf.fit(ngrams, texts)
            found = self._tfidf[kind].rows(texts)
            self._ngrams[kind] = found.T.tocsr()
            for rows in chunks(len(texts), CHUNK):
                add(rows, (found[rows] @ self._ngrams[kind]).toarray(), *of_kind)
        self._prepare(self._ngrams)
        return kernel, nearest

    def _prepare(self, ngrams: Mapping[str, csr_matrix]) -> None:
        """Get ready to score."""
        self._fixed = FixedVectors(self._vectors)
        self._rows = Rows([(self._tfidf[kind], ngrams[kind]) for kind in NGRAMS])

    def _held_out(
        self,
        factor: Array,
        weights: Array,
        wanted: Array,
        nearest: Array,
        targets: Array,
    ) -> Array:
        # What a kernel regression without a group I of its examples says of them follows exactly
        # from the one with them: y_I - (A^-1)_II^-1 w_I. So thousands of folds cost one inversion.
        (potri,) = get_lapack_funcs(("potri",), (factor,))
        inverse, _ = potri(factor, lower=1, overwrite_c=1)
        regression = np.empty_like(wanted)
        for label in range(len(self.labels)):
            members = np.flatnonzero(targets == label)
            groups = _groups(self._vectors[members], self.settings.same_topic)
            for group in range(groups.max() + 1):
                held = members[groups == group]
                block = np.tril(inverse[np.ix_(held, held)])
                block += np.tril(block, -1).T
                regression[held] = wanted[held] - np.linalg.solve(block, weights[held])
                nearest[np.ix_(held, held)] = 0.0
        return self._score(regression, np.maximum.reduceat(nearest, self._starts, axis=1))

    def scores(self, texts: Sequence[str], vectors: Array) -> Array:
        """Score every intent for n texts.

        Args:
            texts: n texts.
            vectors: Their sentence vectors, (n, dimension), unit length.

        Returns:
            (n, intents) array, each number between 0 and 1, columns in the order of ``labels``.
        """
        assert self._fixed
        assert self._rows
        of_vectors = self._fixed.products(vectors)
        mixes = [
            _shares(weights)
            for weights in (self.settings.kernel_weights, self.settings.nearest_weights)
        ]
        mixed = self._rows.similarities(texts, *(ngrams for _, *ngrams in mixes))
        for ngrams, (of_vector, *_) in zip(mixed, mixes, strict=True):
            ngrams += of_vectors * np.float32(of_vector)
        kernel, nearest = self._kernel(mixed[0]), np.maximum(mixed[1], 0.0)
        nearest = np.maximum.reduceat(nearest, self._starts, axis=1)
        return self._score(kernel @ self._weights, nearest)

    def confidence(self, scores: Array) -> Array:
        """Turn scores into the probability that an intent with this score is the right one.

        Args:
            scores: Any shape.

        Returns:
            The same shape, between 0 and 1, in the same order as the scores.
        """
        slope, offset = self._curve
        return np.asarray(1.0 / (1.0 + np.exp(-(slope * _log(scores) + offset))))

    def _kernel(self, similarity: Array) -> Array:
        """Turn similarities into the kernel, in their place."""
        similarity -= 1.0
        similarity *= self.settings.sharpness
        return np.exp(similarity, out=similarity)

    def _score(self, regression: Array, nearest: Array) -> Array:
        logits = regression / self.settings.temperature
        logits = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability = logits / logits.sum(axis=1, keepdims=True)
        power = self.settings.power
        return np.asarray(probability**power * np.minimum(nearest, 1.0) ** (1.0 - power))

    def save(self, folder: Path) -> None:
        """Write a fitted model as one JSON and one NPZ file (arrays only, nothing executable).

        Raises:
            IntentModelError: The model was loaded, not fitted.
        """
        if not self._ngrams:
            raise IntentModelError("Only a model that was fitted can be saved: copy its files.")
        description = {
            "format": FORMAT,
            "settings": asdict(self.settings),
            "labels": self.labels,
            "curve": self._curve,
            "vocabularies": {kind: tfidf.vocabulary for kind, tfidf in self._tfidf.items()},
        }
        (folder / "intent_model.json").write_text(json.dumps(description), encoding="utf-8")
        arrays: dict[str, Array] = {
            "vectors": self._vectors,
            "weights": self._weights,
            "starts": self._starts,
        }
        for kind, matrix in self._ngrams.items():
            arrays[f"idf_{kind}"] = self._tfidf[kind].idf
            arrays[f"data_{kind}"] = matrix.data
            arrays[f"indices_{kind}"] = matrix.indices
            arrays[f"indptr_{kind}"] = matrix.indptr
        np.savez(folder / "intent_model.npz", **arrays)

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what ``save`` wrote.

        Raises:
            IntentModelError: A file is missing, damaged or of another format.
        """
        try:
            description = json.loads((folder / "intent_model.json").read_text(encoding="utf-8"))
            if description["format"] != FORMAT:
                raise IntentModelError("The intent model is of another version: train it again.")
            model = cls(Settings(**description["settings"]))
            model.labels = description["labels"]
            model._curve = tuple(description["curve"])
            ngrams: dict[str, csr_matrix] = {}
            with np.load(folder / "intent_model.npz", allow_pickle=False) as arrays:
                model._vectors = arrays["vectors"]
                model._weights = arrays["weights"]
                model._starts = arrays["starts"]
                for kind, words in description["vocabularies"].items():
                    model._tfidf[kind] = TfIdf(NGRAMS[kind], words, arrays[f"idf_{kind}"])
                    parts = tuple(
                        arrays[f"{part}_{kind}"] for part in ("data", "indices", "indptr")
                    )
                    ngrams[kind] = csr_matrix(parts, (len(words), len(model._vectors)))
            model._prepare(ngrams)
        except (OSError, KeyError, TypeError, ValueError, EOFError, BadZipFile) as error:
            raise IntentModelError(
                f"The intent model can't be read, train it again: {error}"
            ) from error
        return model


@dataclass(frozen=True)
class Thresholds:
    """Scores from which on an intent is answered, or offered as a choice."""

    answer: float
    choose: float


def choose_thresholds(
    held_out: HeldOut,
    accepted_share: float,
    offered_share: float,
    choices: int,
    offered: Collection[str],
) -> Thresholds:
    """Choose thresholds on held-out examples from stated targets.

    Args:
        held_out: What ``IntentModel.fit`` returned.
        accepted_share: Of the examples that are understood right, this share is answered.
        offered_share: Choices are offered down to the score where the right intent is still among
            them for this share of the examples.
        choices: How many choices are offered.
        offered: The intents that may be offered; only their examples count for ``choose``.

    Returns:
        The two thresholds; ``choose`` is never above ``answer``.
    """
    answer = float(np.quantile(held_out.top[held_out.right], 1.0 - accepted_share))
    columns = [n for n, label in enumerate(held_out.labels) if label in offered]
    scores = np.where(np.isin(np.arange(len(held_out.labels)), columns), held_out.scores, 0.0)
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :choices]
    among = (ranked == held_out.targets[:, None]).any(axis=1)
    # Running share of hits, from the lowest score up, over a window wide enough to be steady.
    order = np.argsort(held_out.top, kind="stable")
    window = max(len(order) // 50, 1)
    shares = np.convolve(among[order].astype(float), np.ones(window) / window, mode="same")
    enough = np.flatnonzero(shares >= offered_share)
    choose = float(held_out.top[order[enough[0]]]) if len(enough) else answer
    return Thresholds(answer, min(choose, answer))


def _shares(weights: Sequence[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def _groups(vectors: Array, same_topic: float) -> Array:
    """Number the groups of vectors that resemble each other, from 0."""
    if len(vectors) == 1:
        return np.zeros(1, dtype=int)
    tree = linkage(vectors.astype(np.float64), "average", metric="cosine")
    return np.asarray(fcluster(tree, 1.0 - same_topic, "distance") - 1)


def _log(scores: Array) -> Array:
    return np.asarray(np.log(np.maximum(scores, 1e-4)))


def _logistic_curve(top: Array, right: Array) -> tuple[float, float]:
    if right.all() or not right.any():
        return 1.0, 0.0
    regression = LogisticRegression(C=100.0).fit(_log(top)[:, None], right)
    return max(float(regression.coef_[0, 0]), 1e-3), float(regression.intercept_[0])
