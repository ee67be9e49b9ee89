"""The domain: takes the parsed domain.yml, hands on what the content check needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stridewell.content.findings import Findings, Place
from stridewell.content.located import Entry

DOMAIN_FILE = "domain.yml"


@dataclass(frozen=True)
class Button:
    """A choice shown below a response.

    Attributes:
        title: What is shown.
        payload: What is sent.
        place: Where it stands.
        payload_place: Where its payload stands.
    """

    title: str
    payload: str
    place: Place
    payload_place: Place


@dataclass(frozen=True)
class Variation:
    """One of the texts that a response may be said in.

    Attributes:
        text: What is said; empty if the variation holds something else, such as `custom`.
        place: Where it stands.
        buttons: The choices below it.
        conditions: The slots it depends on, with their places.
        topic: `metadata: topic`, if given.
        articles: `metadata: articles`, if given.
        topic_place: Where the topic stands, or should.
        articles_place: Where the articles stand, or should.
    """

    text: str
    place: Place
    buttons: tuple[Button, ...]
    conditions: tuple[tuple[str, Place], ...]
    topic: str | None
    articles: tuple[str, ...] | None
    topic_place: Place
    articles_place: Place


@dataclass(frozen=True)
class Response:
    """A response with its variations."""

    name: str
    place: Place
    variations: tuple[Variation, ...]


@dataclass(frozen=True)
class Domain:
    """What the assistant knows by name.

    Attributes:
        place: The first line of the file.
        intents: Names of the intents, with their places.
        slots: Names of the slots.
        actions: Names of the custom actions, with their places.
        forms: Names of the forms.
        responses: By name.
    """

    place: Place
    intents: Mapping[str, Place] = field(default_factory=dict)
    slots: frozenset[str] = frozenset()
    actions: Mapping[str, Place] = field(default_factory=dict)
    forms: frozenset[str] = frozenset()
    responses: Mapping[str, Response] = field(default_factory=dict)


def read_domain(source: Entry | None, findings: Findings) -> Domain:
    """Read the domain.

    Args:
        source: The parsed file, or None if there was nothing to parse.
        findings: Collects what is of a wrong kind.

    Returns:
        What could be read of it.
    """
    if source is None:
        return Domain(Place(DOMAIN_FILE, 1))
    parts = source.mapping("the domain", findings)
    return Domain(
        place=source.place,
        intents=_names(parts.get("intents"), "intents", findings),
        slots=frozenset(_names(parts.get("slots"), "slots", findings)),
        actions=_names(parts.get("actions"), "actions", findings),
        forms=frozenset(_names(parts.get("forms"), "forms", findings)),
        responses=_read_responses(parts.get("responses"), findings),
    )


def _names(source: Entry | None, what: str, findings: Findings) -> dict[str, Place]:
    """Read names that stand as a list, as a mapping, or as a list of both."""
    if source is None or source.value is None:
        return {}
    if isinstance(source.value, dict):
        return {name: entry.place for name, entry in source.value.items()}
    names: dict[str, Place] = {}
    for item in source.sequence(what, findings):
        if isinstance(item.value, dict):
            found = list(item.value)
        else:
            found = [item.text(f"an item of '{what}'", findings)]
        for name in filter(None, found):
            if name in names:
                findings.add(
                    item.place,
                    f"{name} stands here and already in line {names[name].line}."
                    " Keep one of the two.",
                )
            names.setdefault(name, item.place)
    return names


def _read_responses(source: Entry | None, findings: Findings) -> dict[str, Response]:
    if source is None or source.value is None:
        return {}
    responses = {}
    for name, entry in source.mapping("'responses'", findings).items():
        items = entry.sequence(name, findings)
        variations = tuple(_read_variation(name, item, findings) for item in items)
        responses[name] = Response(name, entry.place, variations)
    return responses


def _read_variation(name: str, entry: Entry, findings: Findings) -> Variation:
    parts = entry.mapping(f"a variation of {name}", findings)
    text = ""
    if "text" in parts:
        text = parts["text"].text(f"the text of {name}", findings)
    elif parts and not {"custom", "image", "attachment"} & parts.keys():
        findings.add(entry.place, f"this variation of {name} has no 'text:'. Add one.")
    metadata_entry = parts.get("metadata")
    metadata = metadata_entry.mapping(f"{name}: metadata", findings) if metadata_entry else {}
    metadata_place = metadata_entry.place if metadata_entry else entry.place
    topic = metadata.get("topic")
    articles = metadata.get("articles")
    return Variation(
        text=text,
        place=parts["text"].place if "text" in parts else entry.place,
        buttons=tuple(_read_buttons(name, parts.get("buttons"), findings)),
        conditions=tuple(_read_conditions(name, parts.get("condition"), findings)),
        topic=topic.text(f"{name}: topic", findings) if topic else None,
        articles=tuple(_names(articles, f"{name}: articles", findings)) if articles else None,
        topic_place=topic.place if topic else metadata_place,
        articles_place=articles.place if articles else metadata_place,
    )


def _read_buttons(name: str, source: Entry | None, findings: Findings) -> list[Button]:
    if source is None:
        return []
    buttons = []
    for item in source.sequence(f"{name}: buttons", findings):
        parts = item.mapping(f"a button of {name}", findings)
        texts = {}
        for key in ("title", "payload"):
            if key in parts:
                texts[key] = parts[key].text(f"{name}: {key} of a button", findings)
            elif parts:
                findings.add(item.place, f"a button of {name} has no '{key}:'. Add one.")
        buttons.append(
            Button(
                title=texts.get("title", ""),
                payload=texts.get("payload", ""),
                place=item.place,
                payload_place=parts["payload"].place if "payload" in parts else item.place,
            )
        )
    return buttons


def _read_conditions(
    name: str, source: Entry | None, findings: Findings
) -> list[tuple[str, Place]]:
    if source is None:
        return []
    conditions = []
    for item in source.sequence(f"{name}: condition", findings):
        parts = item.mapping(f"a condition of {name}", findings)
        if "name" in parts:
            slot = parts["name"].text(f"{name}: name of a condition", findings)
            conditions.append((slot, item.place))
        elif parts:
            findings.add(
                item.place,
                f"a condition of {name} names no slot. Write it as"
                " {type: slot, name: the_slot, value: the_value}.",
            )
    return conditions
