"""The parts of the website channel, one by one."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest
from limits import parse_many

from stridewell.settings import SettingsError
from stridewell.web.errors import ApiError
from stridewell.web.origins import caller_address, check_origin
from stridewell.web.rates import Rates
from stridewell.web.settings import WebsiteSettings, secret_key
from stridewell.web.text import as_plain_text, clean


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STRIDEWELL_")]:
        monkeypatch.delenv(name)


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    kept = tmp_path / "var" / "website.key"
    assert secret_key(kept) == secret_key(kept)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_short_key_is_refused_with_a_way_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIDEWELL_SECRET_KEY", "secret")
    with pytest.raises(SettingsError, match="openssl rand"):
        secret_key()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STRIDEWELL_ALLOWED_ORIGINS", "www.example.org"),
        ("STRIDEWELL_ALLOWED_ORIGINS", "https://www.example.org/"),
        ("STRIDEWELL_ALLOWED_ORIGINS", "*"),
        ("STRIDEWELL_TRUSTED_PROXIES", "-1"),
        ("STRIDEWELL_MESSAGE_RATES", "often"),
        ("STRIDEWELL_MESSAGE_LENGTH", "5"),
        ("STRIDEWELL_TURN_SECONDS", "never"),
    ],
)
def test_a_wrong_setting_is_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIDEWELL_SECRET_KEY", "k" * 40)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        WebsiteSettings.from_environment()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/restart", "restart"),
        (" \n// /ask_cycling", "ask_cycling"),
        ("and/or", "and/or"),
        ("///", ""),
    ],
)
def test_a_slash_at_the_start_is_taken_away(typed: str, told: str) -> None:
    assert as_plain_text(clean(typed)) == told


def test_broken_characters_are_mended_and_controls_dropped() -> None:
    assert clean("a\ud800b\x00c\r\nd\x1b") == "a\ufffdbc\nd"


def test_its_own_page_and_listed_pages_may_call() -> None:
    assert "Access-Control-Allow-Origin" not in check_origin(None, "chat.example", ())
    own = check_origin("https://chat.example", "chat.example", ())
    assert own["Access-Control-Allow-Origin"] == "https://chat.example"
    with pytest.raises(ApiError, match="may not use this chat"):
        check_origin("https://other.example", "chat.example", ("https://listed.example",))


def test_only_what_a_trusted_proxy_wrote_tells_the_address() -> None:
    assert caller_address("127.0.0.1", ["1.1.1.1, 2.2.2.2"], 0) == "127.0.0.1"
    assert caller_address("127.0.0.1", ["1.1.1.1, 2.2.2.2"], 1) == "2.2.2.2"
    assert caller_address("127.0.0.1", ["1.1.1.1", "2.2.2.2"], 2) == "1.1.1.1"
    assert caller_address("127.0.0.1", [], 1) == "127.0.0.1"


def test_calls_are_counted_here_while_redis_is_away() -> None:
    rates = Rates("redis://127.0.0.1:1/0")
    limit = parse_many("1 per minute")

    async def twice() -> None:
        await rates.count(limit, "messages", "web-1")
        await rates.count(limit, "messages", "web-1")

    with pytest.raises(ApiError, match="wait"):
        asyncio.run(twice())
