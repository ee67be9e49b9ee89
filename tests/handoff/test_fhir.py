"""The FHIR export: checked by a FHIR library, and complete."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from stridewell.handoff.fhir import questionnaire_response
from stridewell.handoff.summary import summary_data
from tests.handoff.scripts import NAMES, read_script


@pytest.mark.parametrize("name", NAMES)
def test_every_summary_is_a_valid_questionnaire_response(name: str) -> None:
    data = summary_data(read_script(name).summary)
    resource = json.loads(json.dumps(questionnaire_response(data, "1" * 32)))
    read = QuestionnaireResponse.parse_obj(resource)
    assert read.status == "completed"
    assert [item["linkId"] for item in read.dict()["item"]] == [
        "situation", "background", "assessment", "recommendation",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_persons_words_are_all_in_it(name: str) -> None:
    data = summary_data(read_script(name).summary)
    resource = json.dumps(questionnaire_response(data, "1" * 32), ensure_ascii=False)
    for words in data["situation"]["words"]:
        assert json.dumps(words["text"], ensure_ascii=False)[1:-1] in resource
