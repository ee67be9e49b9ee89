"""The texts of the domain, as the tests compare them with what a platform shows."""

from __future__ import annotations

from functools import lru_cache

import yaml

from stridewell.settings import ROOT, region


@lru_cache(maxsize=1)
def _responses() -> dict[str, list[dict[str, object]]]:
    content = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    responses: dict[str, list[dict[str, object]]] = content["responses"]
    return responses


def texts_of(response: str) -> list[str]:
    """Return the texts of a response with the default region's phrases filled in."""
    phrases = region()
    return [
        str(variation["text"])
        .strip()
        .replace("{emergency_help}", phrases.emergency_help)
        .replace("{same_day_help}", phrases.same_day_help)
        .replace("{crisis_help}", phrases.crisis_help)
        for variation in _responses()[response]
        if variation.get("text")
    ]


def says(shown: str, response: str) -> bool:
    """Tell whether a text begins with one of a response's variations."""
    return any(shown.startswith(text) for text in texts_of(response))


def first_variation(shown: str) -> str:
    """Replace the text of a response that varies at random by its first variation."""
    for response, variations in _responses().items():
        if len(variations) > 1 and not any("condition" in v for v in variations):
            for text in texts_of(response)[1:]:
                if shown.startswith(text):
                    return texts_of(response)[0] + shown[len(text) :]
    return shown
