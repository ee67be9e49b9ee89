"""The outage begins here and is looked at in test_what_an_outage_leaves.py, a minute later."""

from __future__ import annotations

from tests.messaging.conftest import Outage


def test_messages_are_taken_while_no_platform_can_be_reached(outage: Outage) -> None:
    assert outage.taken_while_down
