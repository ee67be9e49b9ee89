"""Asks a server whether it is ready: ``python -m stridewell.probe ADDRESS``."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def main(arguments: list[str]) -> int:
    """Return 0 if the address answers with success, otherwise 1."""
    try:
        with urllib.request.urlopen(arguments[0], timeout=4) as response:
            return 0 if response.status == 200 else 1
    except (OSError, IndexError, ValueError) as error:
        print(f"Not ready: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
