"""Says when a trained part is out of date: files in, a hash of what is in them out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from stridewell import bert_graph, encoder, integer_kernels, tfidf

# What turns a text into numbers; every trained part rests on it.
FEATURE_CODE = tuple(
    Path(module.__file__ or "") for module in (bert_graph, encoder, integer_kernels, tfidf)
)


def fingerprint(paths: Iterable[Path]) -> str:
    """Return one hash of the names and contents of files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
