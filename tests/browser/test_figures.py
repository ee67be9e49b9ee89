"""How light the demo page is, measured in Chromium; docs/website.md holds the figures."""

from __future__ import annotations

from playwright.sync_api import Browser

from benchmarks.website import load
from tests.conftest import Server


def test_the_demo_page_is_light_and_asks_no_other_host(site: Server, browser: Browser) -> None:
    figures = load(browser, site.url + "/")
    assert figures.foreign(site.url) == []
    assert len(figures.requests) <= 8
    assert 15_000 <= figures.bytes <= 30_000
    assert figures.interactive > 0
