"""What the tests of the website's API share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.website.site import Client, running_site


@pytest.fixture(scope="session")
def site(model_path: Path, at_the_end: ExitStack) -> Server:
    """A running site."""
    return running_site(model_path, at_the_end)


@pytest.fixture
def visitor(site: Server) -> Callable[[], Client]:
    """Starts a session of a new visitor."""
    return lambda: Client(site.url).start()
