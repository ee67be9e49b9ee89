"""TF-IDF of character or word n-grams: texts in, sparse rows of unit length out.

The same weights as scikit-learn's ``TfidfVectorizer`` with sublinear term frequencies, but without
its checks, which take longer than the work when there is one short text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
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
        counts = Counter(columns[ngram] for ngram in self._analyze(text) if ngram in columns)
        found = sorted(counts)
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
    """The rows of many texts, turned round: which of them hold an n-gram. Quick for a single text.

    Args:
        tfidf: Made the rows.
        entries: (n-grams, texts); a text needs the rows of its own n-grams only.
    """

    def __init__(self, tfidf: TfIdf, entries: csr_matrix) -> None:
        self._tfidf = tfidf
        self._starts = entries.indptr
        self._texts = entries.indices
        self._weights = entries.data
        self._count = entries.shape[1]

    def similarities(self, text: str) -> Array:
        """Return a text's similarity to each of the texts, (texts,) as float32."""
        columns, weights = self._tfidf.row(text)
        # A general sparse product takes several times as long for a single row.
        firsts = self._starts[columns]
        lengths = self._starts[columns + 1] - firsts
        before = np.cumsum(lengths) - lengths
        places = np.repeat(firsts - before, lengths) + np.arange(int(lengths.sum()))
        found = np.bincount(
            self._texts[places],
            weights=self._weights[places] * np.repeat(weights, lengths),
            minlength=self._count,
        )
        return found.astype(np.float32)
