"""TF-IDF of character or word n-grams: texts in, sparse rows of unit length out.

The same weights as scikit-learn's ``TfidfVectorizer`` with sublinear term frequencies, but without
its checks, which take longer than the work when there is one short text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import CountVectorizer

from stridewell.encoder import Array

# N-grams in more than this share of the texts are common, unless the texts are few.
COMMON, SELDOM = 0.2, 10


class TfIdf:
    """Turns texts into weighted n-grams; made by ``fit`` or from what an earlier one stored.

    Args:
        ngrams: Arguments of scikit-learn's ``CountVectorizer`` that say what an n-gram is.
        vocabulary: The n-grams, in the order of the columns.
        idf: Their inverse document frequencies.
    """

    def __init__(self, ngrams: dict[str, Any], vocabulary: Sequence[str], idf: Array) -> None:
        self._analyze = _analyzer(ngrams)
        self._columns = {ngram: number for number, ngram in enumerate(vocabulary)}
        self.idf = idf

    @classmethod
    def fit(cls, ngrams: dict[str, Any], texts: Sequence[str]) -> TfIdf:
        """Learn vocabulary and document frequencies from texts; very common n-grams are left out.

        They say little and cost most: of the entries that a question is compared with, five of six
        belong to n-grams that more than a fifth of the examples hold.
        """
        analyze = _analyzer(ngrams)
        documents = Counter(ngram for text in texts for ngram in set(analyze(text)))
        most = max(COMMON * len(texts), SELDOM)
        vocabulary = sorted(ngram for ngram, count in documents.items() if count <= most)
        counts = np.array([documents[ngram] for ngram in vocabulary], dtype=np.float64)
        idf = np.log((1.0 + len(texts)) / (1.0 + counts)) + 1.0
        return cls(ngrams, vocabulary, idf.astype(np.float32))

    @property
    def vocabulary(self) -> list[str]:
        """The n-grams, in the order of the columns."""
        return list(self._columns)

    def row(self, text: str) -> tuple[Array, Array]:
        """Return the columns of a text's known n-grams, ascending, and their weights."""
        columns = self._columns
        counts = Counter(map(columns.get, self._analyze(text)))
        found = sorted(column for column in counts if column is not None)
        indices = np.array(found, dtype=np.int32)
        frequencies = np.array([counts[column] for column in found], dtype=np.float32)
        weights = (1.0 + np.log(frequencies)) * self.idf[indices]
        length = np.sqrt(weights @ weights)
        return indices, weights / length if length else weights

    def rows(self, texts: Sequence[str]) -> csr_matrix:
        """Return (texts, n-grams) weights as float32; rows have length one, or zero if empty."""
        rows = [self.row(text) for text in texts]
        starts = np.cumsum([0, *(len(indices) for indices, _ in rows)])
        shape = (len(rows), len(self._columns))
        if not rows:
            return csr_matrix(shape, dtype=np.float32)
        weights = np.concatenate([weights for _, weights in rows])
        return csr_matrix((weights, np.concatenate([i for i, _ in rows]), starts), shape)


def _analyzer(ngrams: dict[str, Any]) -> Callable[[str], list[str]]:
    analyze: Callable[[str], list[str]] = CountVectorizer(lowercase=True, **ngrams).build_analyzer()
    return analyze


class Rows:
    """The rows of many texts, turned round: which of them hold an n-gram. Quick for a few texts.

    Args:
        kinds: For each kind of n-grams what made the rows, and the entries, (n-grams, texts).
    """

    def __init__(self, kinds: Sequence[tuple[TfIdf, csr_matrix]]) -> None:
        self._tfidf = [tfidf for tfidf, _ in kinds]
        self._entries = vstack([entries for _, entries in kinds], format="csr")
        sizes = [entries.shape[0] for _, entries in kinds]
        self._firsts = np.cumsum([0, *sizes[:-1]], dtype=np.int32)

    def similarities(self, texts: Sequence[str], *mixes: Sequence[float]) -> Array:
        """Return the similarities of n texts to each of the many.

        Args:
            texts: n texts, one at least.
            mixes: Shares of the kinds in a similarity; each mix gives similarities of its own.

        Returns:
            (mixes, n, many), float32.
        """
        shares = np.array(mixes, dtype=np.float32)
        found = [self._row(text) for text in texts]
        # The parts of a message share its n-grams: one look for all of them.
        columns = found[0][0]
        if len(found) > 1:
            columns = np.unique(np.concatenate([own for own, _, _ in found]))
        weights = np.zeros((len(columns), len(mixes), len(texts)), dtype=np.float32)
        for number, (own, kinds, values) in enumerate(found):
            weights[np.searchsorted(columns, own), :, number] = shares[:, kinds].T * values[:, None]
        wanted = weights.reshape(len(columns), len(mixes) * len(texts))
        products = self._entries[columns].T @ wanted
        return np.ascontiguousarray(products.T).reshape(len(mixes), len(texts), -1)

    def _row(self, text: str) -> tuple[Array, Array, Array]:
        """Return the columns of a text's n-grams of all kinds, their kinds and weights."""
        rows = [tfidf.row(text) for tfidf in self._tfidf]
        return (
            np.concatenate(
                [own + first for (own, _), first in zip(rows, self._firsts, strict=True)]
            ),
            np.repeat(np.arange(len(rows)), [len(own) for own, _ in rows]),
            np.concatenate([weights for _, weights in rows]),
        )
