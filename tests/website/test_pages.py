"""Pages and files that the site serves, as they arrive."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

import pytest

from stridewell.settings import ROOT
from stridewell.web.pages import Widget
from stridewell.web.snippet import plain_snippet, wordpress_snippet
from tests.conftest import Server
from tests.website.site import PARTNER, Client

BUDGET = 20_000


@pytest.mark.parametrize("path", ["/", "/faq", "/widget.js", "/chat/config", "/readyz", "/nothing"])
def test_everything_carries_the_security_headers(path: str, site: Server) -> None:
    headers = Client(site.url).call("GET", path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/faq"])
def test_pages_hold_no_inline_code_or_style(path: str, site: Server) -> None:
    page = Client(site.url).call("GET", path).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    for script in re.findall(r"<script[^>]*>", page):
        assert "src=" in script or "application/ld+json" in script


def test_the_widget_stays_within_its_budget() -> None:
    assert len(gzip.compress(Widget.read().body, 9)) <= BUDGET


def test_the_demo_page_loads_the_widget_with_its_integrity(site: Server) -> None:
    page = Client(site.url).call("GET", "/").text
    body = Client(site.url).call("GET", Widget.read().path).text.encode()
    digest = base64.b64encode(hashlib.sha384(body).digest()).decode()
    assert f'src="{Widget.read().path}" integrity="sha384-{digest}"' in page.replace("&#x27;", "'")


def test_other_sites_may_load_the_widget(site: Server) -> None:
    headers = Client(site.url).call("GET", "/widget.js", headers={"Origin": PARTNER}).headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"


def test_an_unchanged_page_is_not_sent_again(site: Server) -> None:
    browser = Client(site.url)
    tag = browser.call("GET", "/faq").headers["etag"]
    assert browser.call("GET", "/faq", headers={"If-None-Match": tag}).status == 304


def test_a_site_on_the_list_may_call_and_another_may_not(site: Server) -> None:
    for method in ("OPTIONS", "GET"):
        path = "/chat/messages" if method == "OPTIONS" else "/chat/config"
        listed = Client(site.url).call(method, path, headers={"Origin": PARTNER})
        assert listed.headers["access-control-allow-origin"] == PARTNER
        assert "access-control-allow-credentials" not in listed.headers
        other = Client(site.url).call(method, path, headers={"Origin": "https://evil.example"})
        assert other.status == 403
        assert "access-control-allow-origin" not in other.headers


def test_health_and_readiness_are_told(site: Server) -> None:
    assert Client(site.url).call("GET", "/healthz").json == {"status": "alive"}
    assert Client(site.url).call("GET", "/readyz").json == {"status": "ready"}


def test_the_documented_snippets_are_those_of_this_widget() -> None:
    documented = (ROOT / "docs" / "website.md").read_text(encoding="utf-8")
    for snippet in (plain_snippet, wordpress_snippet):
        assert snippet(Widget.read(), "https://chat.example.org") in documented, (
            "The widget has changed. Copy into docs/website.md what this prints: "
            "python -m stridewell.web.snippet https://chat.example.org"
        )
