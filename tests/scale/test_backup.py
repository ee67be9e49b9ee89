"""The back-up and restore of docs/privacy.md, on PostgreSQL."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from rasa.shared.core.domain import Domain

from stridewell.settings import ROOT
from stridewell.stores.tracker import SiteTrackerStore
from tests.conftest import in_ci
from tests.scale.turns import SlotSet, take_turn, texts, turn


def documented(program: str) -> str:
    """Return the command that the documentation gives."""
    page = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    (command,) = re.findall(rf"^    ({program} .*)$", page, re.MULTILINE)
    return str(command)


def run(command: str, url: str, folder: Path) -> None:
    """Run a documented command with a site's database."""
    if shutil.which(command.split()[0]) is None:
        message = f"{command.split()[0]} is not installed"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={"STRIDEWELL_DATABASE_URL": url, "PATH": "/usr/bin:/bin"},
        check=True,
    )


def test_a_conversation_goes_on_after_a_restore(
    domain: Domain, postgresql_url: str, tmp_path: Path
) -> None:
    async def before() -> None:
        store = SiteTrackerStore(domain, url=postgresql_url)
        await take_turn(store, "ann", turn("kept", SlotSet("safety_tier", "same_day")))
        run(documented("pg_dump"), postgresql_url, tmp_path)
        await take_turn(store, "ann", turn("after the dump"))
        with store.engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        store.engine.dispose()

    async def after() -> None:
        store = SiteTrackerStore(domain, url=postgresql_url)
        tracker = await take_turn(store, "ann", turn("goes on"))
        assert tracker.get_slot("safety_tier") == "same_day"
        assert await texts(store, "ann") == ["kept", "goes on"]

    asyncio.run(before())
    run(documented("pg_restore"), postgresql_url, tmp_path)
    asyncio.run(after())
