"""The summary as a FHIR R4B QuestionnaireResponse: the summary's data in, checked FHIR JSON out.

Every answer is text: nothing is coded, since nothing was assessed. `fhir.resources` checks the
resource against the specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from stridewell.handoff.signs import sign_name

QUESTIONNAIRE = "urn:stridewell:handoff-summary|1"
IDENTIFIER_SYSTEM = "urn:stridewell:handoff"


def questionnaire_response(data: Mapping[str, Any], identifier: str) -> dict[str, Any]:
    """Return a summary as a QuestionnaireResponse.

    Args:
        data: What ``summary_data`` returned.
        identifier: The hand-off's id.

    Returns:
        The resource as plain data.

    Raises:
        ValueError: The resource breaks the specification.
    """
    situation, assessment = data["situation"], data["assessment"]
    contact = situation["contact"]
    items = [
        _group(
            "situation",
            "Situation",
            _item("situation.words", "The person's own words", (
                f"{words['at']} {words['text']}" for words in situation["words"]
            )),
            _item("situation.chosen", "Topics chosen with a button", (
                chosen["topic"] for chosen in situation["chosen"]
            )),
            _item("situation.note", "Note", [situation["note"]]),
            _item("situation.contact", "How to reach the person (not checked)", [
                f"{contact['kind']}: {contact['value']}" if contact else ""
            ]),
        ),
        _group("background", "Background", _item("background.volunteered", "Volunteered", (
            said["text"] for said in data["background"]["volunteered"]
        ))),
        _group(
            "assessment",
            "Assessment",
            _item("assessment.clinical", "Clinical assessment", [assessment["clinical"]]),
            *(
                _item(f"assessment.{group}", words, (m["name"] for m in assessment[group]))
                for group, words in (
                    ("mentioned", "Warning signs mentioned"),
                    ("mentioned_about_someone_else", "Warning signs mentioned of someone else"),
                    ("denied", "Warning signs denied"),
                    ("asked_about_or_past", "Warning signs asked about, or past"),
                )
            ),
            _item("assessment.not_asked", "Warning signs not asked about and not mentioned", (
                sign_name(sign) for sign in assessment["not_asked"]
            )),
        ),
        _group("recommendation", "Recommendation", _item(
            "recommendation.told", "What the assistant told the person",
            (told["text"] for told in data["recommendation"]["told"]),
        )),
    ]  # fmt: skip
    resource = QuestionnaireResponse.parse_obj(
        {
            "resourceType": "QuestionnaireResponse",
            "identifier": {"system": IDENTIFIER_SYSTEM, "value": identifier},
            "questionnaire": QUESTIONNAIRE,
            "status": "completed",
            "authored": data["written_at"],
            "item": items,
        }
    )
    checked: dict[str, Any] = resource.dict()
    checked["authored"] = data["written_at"]
    return checked


def _group(link: str, text: str, *items: dict[str, Any] | None) -> dict[str, Any]:
    answered = [item for item in items if item]
    return {"linkId": link, "text": text, **({"item": answered} if answered else {})}


def _item(link: str, text: str, answers: Iterable[str]) -> dict[str, Any] | None:
    values = [{"valueString": answer} for answer in answers if answer]
    return {"linkId": link, "text": text, "answer": values} if values else None
