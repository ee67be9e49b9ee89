"""Plans a turn that rules can't: what was understood and screened in, a list of actions out.

Rules answer one question with one response. A plan is made only where the reply depends on more
than the intent: a warning sign, another language, two questions in one message, or the messages
before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from stridewell.follow_ups import SUBJECT_ONLY, THING, FollowUp, Table, load_table

DISCLAIMER = "action_medical_disclaimer"
OPENINGS = {
    "emergency": "utter_emergency",
    "same_day": "utter_same_day",
    "crisis": "utter_crisis",
}
CRISIS_LINES = "utter_crisis_lines"
CRISIS_SIGNS = {"suicidal", "self_harm"}
SAFETY_NOTE = "utter_safety_note"
NOT_IN_ARTICLES = "utter_not_in_articles"
ASK_AGAIN = "utter_ask_again"
ASK_WHICH = "utter_ask_which_one"
ONLY_ENGLISH = "utter_only_english"
NOT_UNDERSTOOD = "utter_nlu_fallback"
DID_YOU_MEAN = "utter_did_you_mean"
HANDOFF_OFFERS = {"utter_medical_disclaimer", "utter_nlu_fallback_handoff"}
FALLBACK = "nlu_fallback"
OUT_OF_SCOPE = "out_of_scope"
# What runs for an intent whose rule is not "utter, then perhaps the disclaimer".
OWN_ACTIONS = {
    "ask_more": ("action_show_more",),
    "ask_sources": ("action_show_sources",),
    "request_handoff": ("utter_request_handoff", "action_start_handoff"),
}


@dataclass(frozen=True)
class Choice:
    """A button that was offered: its title and the intent that it stands for."""

    title: str
    intent: str


@dataclass(frozen=True)
class Context:
    """What came before the message, in this session.

    Attributes:
        last_responses: Names of the responses of the turn before, in order.
        last_topic: The topic answered or declined last, if any.
        last_subject: The subject talked about last, if any: a key of the follow-ups' subjects.
        choices: What the turn before offered to choose from.
        form: The form that is asking, if any; its answers are none of this plan's business.
    """

    last_responses: tuple[str, ...] = ()
    last_topic: str | None = None
    last_subject: str | None = None
    choices: tuple[Choice, ...] = ()
    form: str | None = None


@dataclass(frozen=True)
class Plan:
    """Actions to run in this turn, in order, and slots to set before the first."""

    actions: tuple[str, ...]
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Knowledge:
    """What the assistant can say.

    Attributes:
        answered: Intents that the articles answer.
        responses: Names of all responses.
        follow_ups: Which topic answers which follow-up.
    """

    answered: Collection[str]
    responses: Collection[str]
    follow_ups: Table

    def answers(self, intent: str | None) -> bool:
        """Return whether the assistant has a reply to an intent."""
        return f"utter_{intent}" in self.responses or intent in OWN_ACTIONS

    def reply(self, *intents: str) -> Plan:
        """Return the plan that replies to intents in order, with one disclaimer at most."""
        actions: list[str] = []
        for intent in intents:
            actions += OWN_ACTIONS.get(intent, (f"utter_{intent}",))
        if any(intent in self.answered for intent in intents):
            actions.append(DISCLAIMER)
        return Plan(tuple(actions))


def plan_turn(
    intent: str | None,
    understanding: Mapping[str, Any],
    safety: Mapping[str, Any],
    context: Context,
    answered: Collection[str],
    responses: Collection[str],
    follow_ups: Table | None = None,
    text: str = "",
) -> Plan | None:
    """Plan the turn, or leave it to the rules.

    Args:
        intent: The intent of the message.
        understanding: What the components made of it: ``outcome`` and ``choices`` of the
            classifier, ``questions``, ``subjects``, ``follow_up``, ``with_subject``, ``place``,
            ``language``. Empty for a button.
        safety: What the safety screen found: ``tier`` and ``status``, both ``None`` for no sign.
        context: What came before.
        answered: Intents that the articles answer.
        responses: Names of all responses.
        follow_ups: Which topic answers which follow-up; ``None`` for the project's table.
        text: The message.

    Returns:
        The plan, or ``None`` when the rule of the intent says all.
    """
    knowledge = Knowledge(answered, responses, follow_ups or load_table())
    questions = [q for q in understanding.get("questions") or () if knowledge.answers(q)]
    if safety.get("tier"):
        return _plan_safety(intent, safety, questions, context, knowledge)
    if context.form:
        return None
    if understanding.get("language"):
        return Plan((ONLY_ENGLISH,), {"language": str(understanding["language"])})
    if len(questions) > 1:
        return knowledge.reply(*questions[:2])
    return (
        _plan_choice(text, intent, understanding, context, knowledge)
        or _plan_follow_up(understanding, context, knowledge)
        or _plan_subject(intent, understanding, context, knowledge)
    )


def _plan_choice(
    text: str,
    intent: str | None,
    understanding: Mapping[str, Any],
    context: Context,
    knowledge: Knowledge,
) -> Plan | None:
    """Plan the reply to an answer to what the turn before offered."""
    typed = _bare(text)
    place = understanding.get("place")
    for number, choice in enumerate(context.choices, start=1):
        last = number == len(context.choices)
        if typed == _bare(choice.title) or place == number or (place == -1 and last):
            return knowledge.reply(choice.intent) if knowledge.answers(choice.intent) else None
    asks_back = "?" in text and understanding.get("follow_up")
    if intent not in ("affirm", "deny") or asks_back:
        return None
    opening = _opening(context)
    if opening:
        return opening
    if intent == "affirm" and HANDOFF_OFFERS & set(context.last_responses):
        return knowledge.reply("request_handoff")
    if intent == "deny":
        mistaken = DID_YOU_MEAN in context.last_responses
        return Plan((NOT_UNDERSTOOD,)) if mistaken else None
    topics = [choice.intent for choice in context.choices if knowledge.answers(choice.intent)]
    if len(topics) == 1:
        return knowledge.reply(topics[0])
    return Plan((ASK_WHICH,)) if topics else None


def _plan_follow_up(
    understanding: Mapping[str, Any],
    context: Context,
    knowledge: Knowledge,
) -> Plan | None:
    """Plan the reply to a message that leans on the one before."""
    data = understanding.get("follow_up")
    if not data:
        return None
    follow_up = FollowUp.from_data(data)
    # Right after a safety text, "should I stop?" or "how long?" asks about the sign.
    opening = _opening(context)
    if opening:
        return opening
    table = knowledge.follow_ups
    if context.last_topic is None:
        return None if table.stands_alone(follow_up) else Plan((ASK_AGAIN,))
    if context.last_topic == OUT_OF_SCOPE and follow_up.kind not in (THING, SUBJECT_ONLY, "why"):
        return None if table.stands_alone(follow_up) else Plan((ASK_AGAIN,))
    things = [thing for thing in follow_up.things if knowledge.answers(thing)]
    if len(things) > 1:
        return knowledge.reply(*things[:2])
    declined = () if context.last_topic in knowledge.answered else (context.last_topic,)
    topic = table.resolve(follow_up, context.last_topic, context.last_subject, declined)
    if topic is None or not knowledge.answers(topic):
        return Plan((ASK_AGAIN,))
    return knowledge.reply(topic)


def _plan_subject(
    intent: str | None,
    understanding: Mapping[str, Any],
    context: Context,
    knowledge: Knowledge,
) -> Plan | None:
    """Plan the reply to a full question that leaves out what hurts: "is it safe to run?"."""
    if context.last_subject is None or understanding.get("subjects") != []:
        return None
    asked = intent
    choices = list(understanding.get("choices") or ())[:2]
    table = knowledge.follow_ups
    if intent == FALLBACK and understanding.get("outcome") == "choose" and len(choices) == 2:
        # The choice is only between the subjects, and the talk has decided on one.
        subjects = [table.subject_of(choice) for choice in choices]
        if subjects[1] and table.twin(choices[0], subjects[1]) == choices[1]:
            asked = choices[0]
    if asked == FALLBACK:
        meant = (understanding.get("with_subject") or {}).get(context.last_subject)
        return knowledge.reply(meant) if meant and knowledge.answers(meant) else None
    twin = table.twin(asked, context.last_subject)
    if twin is None or twin == intent or not knowledge.answers(twin):
        return None
    return knowledge.reply(twin)


def _opening(context: Context) -> Plan | None:
    """Return the plan to say the safety text of the turn before again, if there was one."""
    for tier, response in OPENINGS.items():
        if response in context.last_responses:
            return Plan((response,), {"safety_tier": tier})
    return None


def _bare(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _plan_safety(
    intent: str | None,
    safety: Mapping[str, Any],
    questions: list[str],
    context: Context,
    knowledge: Knowledge,
) -> Plan:
    """Plan the reply to a message that speaks of a warning sign."""
    tier, status = safety["tier"], safety.get("status")
    slots = {
        "safety_tier": tier,
        "safety_status": status or "self",
        "safety_about": "other" if status == "other" else "self",
    }
    if status not in ("denied", "asked", "past"):
        opening = [OPENINGS[tier]]
        signs = set(safety.get("signs") or ())
        if tier == "emergency" and CRISIS_SIGNS & signs:
            opening.append(CRISIS_LINES)
        elif tier == "crisis" and signs - CRISIS_SIGNS:
            # The most urgent tier decides, so what stands beside a crisis is a same-day sign.
            opening.append(OPENINGS["same_day"])
        return Plan(tuple(opening), slots)
    if context.form:
        # The form asks again: what was typed may have been its answer, or not.
        return Plan((SAFETY_NOTE, context.form), slots)
    asked = questions[:2] or [intent or FALLBACK]
    replies = [f"utter_{name}" for name in asked if f"utter_{name}" in knowledge.responses]
    if asked == [FALLBACK] or not replies:
        if status == "denied":
            return Plan((SAFETY_NOTE, ASK_AGAIN), slots)
        return Plan((NOT_IN_ARTICLES, SAFETY_NOTE), slots)
    due = tier != "crisis" and any(name in knowledge.answered for name in asked)
    return Plan((*replies, SAFETY_NOTE, *((DISCLAIMER,) if due else ())), slots)
