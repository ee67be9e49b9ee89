"""The article register, read once for the process."""

from __future__ import annotations

from functools import lru_cache

from stridewell.content.register import Register, load_register
from stridewell.settings import ROOT


@lru_cache(maxsize=1)
def register() -> Register:
    """Return the project's register.

    Raises:
        ContentError: The register is missing or wrong; the text names file and line.
    """
    return load_register(ROOT)
