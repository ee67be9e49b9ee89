"""Rasa's commands without a library that they never use: ``python -m stridewell.rasa run ...``.

TensorFlow's converter for phones imports JAX when it finds it. That takes over a second of a
start and 66 MB for as long as the server runs, and nothing here converts anything.
"""

from __future__ import annotations

import sys

sys.modules["jax"] = None  # type: ignore[assignment]

from rasa.__main__ import main  # noqa: E402 - imports TensorFlow

if __name__ == "__main__":
    main()
