"""How light the demo page is, measured in Chromium; docs/website.md holds the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext

from tests.conftest import Server

MEASURE = """async () => {
  const [page] = performance.getEntriesByType("navigation");
  const files = [page, ...performance.getEntriesByType("resource")];
  const tasks = await new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries()))
      .observe({ type: "longtask", buffered: true });
    setTimeout(() => done([]), 300);
  });
  const busy = tasks.map((task) => task.startTime + task.duration);
  return {
    requests: files.map((file) => file.name),
    bytes: files.reduce((sum, file) => sum + file.encodedBodySize, 0),
    widget: files.filter((file) => file.name.includes("/widget"))[0].encodedBodySize,
    interactive: Math.max(page.domContentLoadedEventEnd, ...busy),
  };
}"""


def measure(site: Server, context: Callable[..., BrowserContext]) -> dict[str, Any]:
    page = context().new_page()
    page.goto(site.url, wait_until="networkidle")
    page.locator("stridewell-chat").get_by_role("button").click(trial=True)
    return page.evaluate(MEASURE)  # type: ignore[no-any-return]


def test_the_demo_page_is_light_and_soon_ready(
    site: Server, context: Callable[..., BrowserContext]
) -> None:
    figures = min(
        (measure(site, context) for _ in range(3)), key=lambda figures: figures["interactive"]
    )
    print(figures)
    assert all(url.startswith(site.url) for url in figures["requests"])
    assert len(figures["requests"]) <= 8
    assert figures["widget"] <= 20_000
    assert figures["bytes"] <= 40_000
    assert figures["interactive"] < 1500
