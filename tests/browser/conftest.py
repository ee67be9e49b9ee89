"""Chromium, and pages of a running site in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.website import CHROMIUM_FLAGS, chromium
from tests.browser.chat import Chat
from tests.conftest import Server, in_ci
from tests.website.site import running_site


@pytest.fixture(scope="session")
def site(model_path: Path, at_the_end: ExitStack) -> Server:
    """A running site."""
    return running_site(model_path, at_the_end)


# Not for the whole session: Playwright keeps an event loop in this thread as long as it lives.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    path = chromium()
    if path is None:
        message = "Chromium is missing: apt-get install chromium"
        pytest.fail(message) if in_ci() else pytest.skip(message)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a window of its own for a visitor: no storage is shared with another."""
    opened: list[BrowserContext] = []

    def open_context(**options: Any) -> BrowserContext:
        opened.append(browser.new_context(**options))
        opened[-1].set_default_timeout(15_000)
        return opened[-1]

    yield open_context
    for one in opened:
        one.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser complained of; a test fails when anything is left in it."""
    heard: list[str] = []
    yield heard
    assert not heard


@pytest.fixture
def visit(
    site: Server, context: Callable[..., BrowserContext], complaints: list[str]
) -> Callable[..., Chat]:
    """Opens the demo page, in a new window unless one is given."""

    def open_page(window: BrowserContext | None = None, path: str = "/", **options: Any) -> Chat:
        page: Page = (window or context(**options)).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        page.goto(site.url + path)
        return Chat(page)

    return open_page
