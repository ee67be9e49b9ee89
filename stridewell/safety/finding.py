"""What the screen found in a message: takes nothing in, is handed to the dialogue policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIERS = ("emergency", "crisis", "same_day")
STATUSES = ("self", "other", "denied", "asked", "past")
AFFIRMED = ("self", "other")
MENTIONED = ("denied", "asked", "past")

SIGNS = (
    "saddle", "genital", "bladder", "bowel", "both_legs", "sexual", "chest_pain", "trauma",
    "aortic", "overdose", "foot_drop", "leg_weakness", "fever", "immune", "cancer",
    "weight_loss", "lump", "night_pain", "osteoporosis", "suicidal", "self_harm",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """The warning signs of one message.

    Attributes:
        tier: ``emergency``, ``crisis`` or ``same_day``; ``None`` without a sign.
        signs: The signs that belong to ``status``, most urgent first.
        status: What the message says about them; ``None`` without a sign.
        evidence: Wording ids and classifier names. Never text of the message.
    """

    tier: str | None = None
    signs: tuple[str, ...] = ()
    status: str | None = None
    evidence: tuple[str, ...] = ()

    @property
    def affirmed(self) -> bool:
        """Whether somebody has the sign now, or may have it."""
        return self.status in AFFIRMED

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        return {
            "tier": self.tier,
            "signs": list(self.signs),
            "status": self.status,
            "evidence": list(self.evidence),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Return the finding that :meth:`to_dict` wrote."""
        return cls(
            tier=data.get("tier"),
            signs=tuple(data.get("signs") or ()),
            status=data.get("status"),
            evidence=tuple(data.get("evidence") or ()),
        )


NOTHING = Finding()
