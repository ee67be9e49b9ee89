"""Measures in Chromium how light the chat is on a page: an npm archive in, a table out.

Usage::

    python -m benchmarks.website [deep-chat-2.4.2.tgz]

Three pages are served from loopback, compressed, and each is loaded several times with an empty
cache: the demo page, an otherwise empty page with the widget, and, if the archive of the npm
package deep-chat is given, an otherwise empty page with its published bundle. Nothing is installed
from the archive, and no other host is reached: calls to one are counted and refused.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright

from stridewell.settings import region
from stridewell.web.pages import TYPES, Page, build_pages

LOADS = 7
SLOWDOWNS = (1, 6)
BUNDLE = "package/dist/deepChat.bundle.js"
WIDGET_PAGE = '<!doctype html><title>x</title><script src="/widget.js" defer></script><body>'
BUNDLE_PAGE = (
    '<!doctype html><title>x</title><script type="module" src="/bundle.js"></script>'
    "<body><deep-chat></deep-chat>"
)
# Chromium otherwise looks for its maker's hosts, and a sandbox can't be had as root.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Interactive: the document is parsed, its scripts have run, and a second has passed without a task
# of more than 50 ms; counted to the end of the last such task.
MEASURE = """async () => {
  const [page] = performance.getEntriesByType("navigation");
  let ready = page.domContentLoadedEventEnd;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) ready = Math.max(ready, task.startTime + task.duration);
  }).observe({ type: "longtask", buffered: true });
  do await new Promise((done) => setTimeout(done, 250));
  while (performance.now() - ready < 1000);
  const files = [page, ...performance.getEntriesByType("resource")];
  return { bytes: files.reduce((sum, file) => sum + file.encodedBodySize, 0), interactive: ready };
}"""


@dataclass(frozen=True)
class Figures:
    """One load of a page.

    Attributes:
        requests: Addresses that were asked for.
        bytes: What came over the wire, without headers.
        interactive: Milliseconds until the page answers to a person.
    """

    requests: tuple[str, ...]
    bytes: int
    interactive: float

    def foreign(self, site: str) -> list[str]:
        """Return the requests to other hosts than the site."""
        return [url for url in self.requests if not url.startswith(site)]


def chromium() -> str | None:
    """Return the path of Chromium, if it is installed."""
    return shutil.which("chromium")


def load(browser: Browser, url: str, slowdown: float = 1) -> Figures:
    """Load a page in a window of its own, with an empty cache.

    Args:
        browser: Chromium.
        url: Address of the page.
        slowdown: How many times slower the processor is made.
    """
    requests: list[str] = []
    site = url.split("/", 3)[2]

    def pass_or_refuse(route: Route) -> None:
        own = route.request.url.split("/", 3)[2] == site
        route.continue_() if own else route.abort()

    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.route(lambda address: address.startswith("http"), pass_or_refuse)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        page.goto(url, wait_until="load")
        measured = page.evaluate(MEASURE)
    sent = tuple(address for address in requests if address.startswith("http"))
    return Figures(sent, measured["bytes"], measured["interactive"])


@contextmanager
def served(pages: Mapping[str, Page]) -> Iterator[str]:
    """Serve pages as the website channel does: compressed, each with its own type.

    Yields:
        The address of the site.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(200 if page else 404)
            body = b""
            if page:
                body = page.compressed or page.body
                self.send_header("Content-Type", page.content_type)
                if page.compressed:
                    self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def pages_to_compare(archive: Path | None) -> tuple[dict[str, Page], dict[str, str]]:
    """Return what is served, and the path of each page to load by its name.

    Args:
        archive: The npm package of deep-chat, as ``npm pack`` stores it.

    Raises:
        OSError, KeyError: It can't be read, or holds no bundle.
    """
    pages = {**build_pages(region()), "/widget": Page(WIDGET_PAGE.encode(), TYPES[".html"])}
    names = {"the demo page": "/", "this widget": "/widget"}
    if archive:
        with tarfile.open(archive) as packed:
            found = packed.extractfile(BUNDLE)
            if found is None:
                raise KeyError(f"{BUNDLE} is no file")
            pages["/bundle.js"] = Page(found.read(), TYPES[".js"])
        pages["/bundle"] = Page(BUNDLE_PAGE.encode(), TYPES[".html"])
        names[archive.stem] = "/bundle"
    return pages, names


def main() -> int:
    """Load, measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("archive", nargs="?", type=Path, help="npm package of deep-chat")
    path = chromium()
    if path is None:
        print("Chromium is missing: apt-get install chromium", file=sys.stderr)
        return 1
    pages, names = pages_to_compare(parser.parse_args().archive)
    with sync_playwright() as playwright, served(pages) as site:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        print(f"Chromium {browser.version}, the middle of {LOADS} loads")
        for name, address in names.items():
            for slowdown in SLOWDOWNS:
                loads = [load(browser, site + address, slowdown) for _ in range(LOADS)]
                print(
                    f"{name:16} processor {slowdown}x slower: "
                    f"{statistics.median(found.bytes for found in loads) / 1000:6.1f} kB, "
                    f"{len(loads[-1].requests)} requests, "
                    f"{len(loads[-1].foreign(site))} of them to other hosts, interactive in "
                    f"{statistics.median(found.interactive for found in loads) / 1000:.2f} s"
                )
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
