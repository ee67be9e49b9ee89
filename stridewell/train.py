"""Trains the model: data in, an archive in models/ out. Run as ``python -m stridewell.train``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from stridewell.settings import ROOT

MODEL = ROOT / "models" / "stridewell.tar.gz"
LOG = ROOT / "var" / "train.log"


def train(model: Path = MODEL, log: Path = LOG) -> bool:
    """Train and store the model.

    Args:
        model: Where to put the archive.
        log: Where Rasa's output goes.

    Returns:
        Whether the archive was written.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "rasa", "train", "--out", str(model.parent)]
    command += ["--fixed-model-name", model.name.removesuffix(".tar.gz")]
    # Servers compute with one thread each; a training has the machine to itself.
    environment = {**os.environ, "OMP_NUM_THREADS": str(os.cpu_count() or 1)}
    with log.open("w", encoding="utf-8") as output:
        result = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode == 0 and model.is_file():
        model.touch()  # Rasa leaves the file alone when nothing has changed.
        return True
    return False


def main() -> int:
    """Train with a line before and after."""
    print("Training the model (a few minutes) ...", flush=True)
    started = time.monotonic()
    if not train():
        print(
            f"The training failed. {LOG.relative_to(ROOT)} says why; "
            "'make check-content' finds most mistakes in the data.",
            file=sys.stderr,
        )
        return 1
    print(f"Trained in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
