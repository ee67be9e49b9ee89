"""Each target against a server that enforces its protocol; and text that stays text."""

from __future__ import annotations

import base64
import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest

from stridewell.handoff.settings import TargetSettings, load_handoff_settings
from stridewell.handoff.targets import make_target
from stridewell.handoff.targets.base import DeliveryProblem, Parcel
from stridewell.handoff.targets.webhook import signed_headers
from tests.handoff.conftest import (
    SECRET,
    TOKEN,
    Bench,
    chatwoot_target,
    mail_target,
    webhook_target,
)
from tests.handoff.fakes.chatwoot import FakeChatwoot
from tests.handoff.fakes.mailserver import MailServer
from tests.handoff.fakes.webhook import FakeChannel, FakeWebhook

EMAIL = {"kind": "email", "value": "jo@example.com", "shown": "jo@example.com"}
PHONE = {"kind": "phone", "value": "+442079460018", "shown": "+44 20 7946 0018"}
NASTY = [
    '<script>alert(1)</script><img src="https://evil.example/x.png">',
    "{emergency_help} {{7*7}} ${jndi:x} %s %(a)s",
    "Subject: hi Bcc: all@example.com .",
    "![x](https://evil.example/x.png) [click](https://evil.example) **bold** <!channel> @here",
    "\U0001f3c3 \u05e9\u05dc\u05d5\u05dd caf\u00e9 " + "x" * 100_000,
]


def parcel(words: str = "My leg hurts.", contact: dict[str, str] | None = None) -> Parcel:
    text = f'Summary\nHand-off number: ABCD-EFGH\n1. "{words}"\nEnd'
    data = {"situation": {"words": [{"text": words}]}}
    number = "0" * 31 + "1"
    return Parcel(f"{number}-t", number, "ABCD-EFGH", 1_795_000_000, "Clinic", text, data, contact)


def target(bench: Bench, **settings: Any) -> TargetSettings:
    bench.add_target("t", **settings)
    return load_handoff_settings().targets["t"]


def deliver(settings: TargetSettings, what: Parcel) -> None:
    make_target(settings).deliver(what, {}, lambda progress: None)


def body(mail: EmailMessage) -> str:
    part = mail.get_body()
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


# ---- e-mail


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_email_arrives_over_tls_and_after_a_login(bench: Bench, security: str) -> None:
    server = MailServer(bench.folder, implicit_tls=security == "tls")
    deliver(target(bench, **mail_target(server, security)), parcel(contact=EMAIL))
    server.down()
    (mail,) = server.mails
    assert mail["To"] == "desk@clinic.example"
    assert mail["Reply-To"] == "jo@example.com"
    assert mail["Message-ID"] == f"<{parcel().key}@clinic.example>"
    assert body(mail) == parcel().text + "\n"
    attached = [part.get_filename() for part in mail.iter_attachments()]
    assert attached == ["summary.json"]


def test_a_wrong_password_is_a_refused_login(
    bench: Bench, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PASSWORD", "wrong")
    with pytest.raises(DeliveryProblem, match="refused the login"):
        deliver(load_handoff_settings().targets["front_desk"], parcel())


def test_a_certificate_that_is_not_trusted_stops_the_mail(bench: Bench, mail: MailServer) -> None:
    settings = target(bench, **{**mail_target(mail), "ca_file": ""})
    with pytest.raises(DeliveryProblem, match="certificate was not accepted"):
        deliver(settings, parcel())
    assert mail.mails == []


@pytest.mark.parametrize("words", NASTY)
def test_text_in_a_mail_stays_text(bench: Bench, mail: MailServer, words: str) -> None:
    deliver(load_handoff_settings().targets["front_desk"], parcel(words, EMAIL))
    (got,) = mail.mails
    assert body(got) == parcel(words).text + "\n"
    assert sorted(got.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Reply-To",
         "MIME-Version", "Content-Type"]
    )  # fmt: skip
    assert {part.get_content_type() for part in got.walk()} == {
        "multipart/mixed", "text/plain", "application/json",
    }  # fmt: skip


def test_an_address_with_other_letters_is_in_the_text_only(bench: Bench, mail: MailServer) -> None:
    contact = {"kind": "email", "value": "j\u00f6@example.com", "shown": "j\u00f6@example.com"}
    deliver(load_handoff_settings().targets["front_desk"], parcel(contact=contact))
    assert mail.mails[0]["Reply-To"] is None


# ---- Chatwoot


def conversation(fake: FakeChatwoot) -> dict[str, Any]:
    (found,) = fake.conversations.values()
    return found


def test_chatwoot_gets_a_contact_and_an_open_conversation_with_the_summary(
    bench: Bench, chatwoot: FakeChatwoot
) -> None:
    deliver(load_handoff_settings().targets["inbox"], parcel(contact=PHONE))
    found = conversation(chatwoot)
    assert found["status"] == "open"
    (message,) = found["messages"]
    assert message["message_type"] == 0
    assert "ABCD-EFGH" in message["content"]
    assert chatwoot.contacts[1]["phone_number"] == "+442079460018"


def test_a_contact_that_the_clinic_knows_gets_the_conversation(
    bench: Bench, chatwoot: FakeChatwoot
) -> None:
    chatwoot.contacts[7] = {
        "id": 7, "name": "Jo", "email": "JO@example.com", "phone_number": None,
        "identifier": "patient-9", "contact_inboxes": [],
    }  # fmt: skip
    deliver(load_handoff_settings().targets["inbox"], parcel(contact=EMAIL))
    assert conversation(chatwoot)["meta"]["sender"]["id"] == 7
    assert list(chatwoot.contacts) == [7]


def test_delivering_twice_to_chatwoot_changes_nothing(bench: Bench, chatwoot: FakeChatwoot) -> None:
    for _ in range(2):
        deliver(load_handoff_settings().targets["inbox"], parcel(contact=EMAIL))
    assert len(conversation(chatwoot)["messages"]) == len(chatwoot.contacts) == 1


@pytest.mark.parametrize("words", NASTY)
def test_text_in_chatwoot_is_shown_as_typed(
    bench: Bench, chatwoot: FakeChatwoot, words: str
) -> None:
    deliver(load_handoff_settings().targets["inbox"], parcel(words))
    content = conversation(chatwoot)["messages"][0]["content"]
    shown = content.replace("  \n", "\n")
    for char in "`*_[]<>#|~!":
        assert char not in shown.replace(f"\\{char}", ""), "Markdown would act on it"
        shown = shown.replace(f"\\{char}", char)
    assert shown == parcel(words).text


def test_a_wrong_token_is_a_problem_without_the_token(
    bench: Bench, chatwoot: FakeChatwoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", TOKEN + "x")
    with pytest.raises(DeliveryProblem) as caught:
        deliver(load_handoff_settings().targets["inbox"], parcel())
    assert str(caught.value) == "Chatwoot: answered 401"


def test_an_inbox_of_another_kind_is_refused(bench: Bench, chatwoot: FakeChatwoot) -> None:
    chatwoot.inbox_type = "Channel::WebWidget"
    with pytest.raises(DeliveryProblem, match="422"):
        deliver(load_handoff_settings().targets["inbox"], parcel())


def test_a_chatwoot_that_answers_nonsense_is_a_problem(bench: Bench) -> None:
    channel = FakeChannel()
    fake = cast(FakeChatwoot, channel)
    with pytest.raises(DeliveryProblem):
        deliver(target(bench, **chatwoot_target(fake)), parcel())
    channel.down()


# ---- webhooks


def test_a_webhook_gets_a_signed_message(bench: Bench, webhook: FakeWebhook) -> None:
    deliver(load_handoff_settings().targets["hook"], parcel(contact=EMAIL))
    message = webhook.messages[parcel().key]
    assert message["type"] == "handoff.created"
    assert message["data"]["contact"] == EMAIL
    assert message["data"]["summary"] == parcel().data


def test_the_signature_is_the_one_of_the_specification() -> None:
    # The example of the Standard Webhooks specification.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_wrong_secret_is_refused(
    bench: Bench, webhook: FakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRET", "whsec_" + base64.b64encode(b"another").decode())
    with pytest.raises(DeliveryProblem, match="401"):
        deliver(load_handoff_settings().targets["hook"], parcel())
    assert webhook.messages == {}


@pytest.mark.parametrize("words", NASTY)
def test_text_in_a_webhook_stays_text(bench: Bench, webhook: FakeWebhook, words: str) -> None:
    deliver(load_handoff_settings().targets["hook"], parcel(words))
    message = webhook.messages[parcel().key]
    assert message["text"] == parcel(words).text
    assert message["data"]["summary"]["situation"]["words"][0]["text"] == words


@pytest.mark.parametrize(("contents", "reach"), [("contact", True), ("notice", False)])
def test_nothing_clinical_leaves_unless_the_site_says_full(
    bench: Bench, webhook: FakeWebhook, contents: str, reach: bool
) -> None:
    deliver(target(bench, **webhook_target(webhook, contents)), parcel("My leg hurts.", EMAIL))
    sent = json.dumps(webhook.messages[parcel().key])
    assert "leg" not in sent
    assert ("jo@example.com" in sent) is reach


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_chat_channels_get_a_message_that_pings_and_links_nobody(bench: Bench, form: str) -> None:
    channel = FakeChannel()
    settings = target(
        bench, kind="webhook", label="channel", url=channel.url, format=form, contents="full"
    )
    deliver(settings, parcel(NASTY[3]))
    deliver(settings, parcel(NASTY[4]))
    channel.down()
    first, second = (json.dumps(post, ensure_ascii=False) for post in channel.posts)
    assert "<!channel>" not in first
    assert "](https" not in first.replace("\\\\](", "") or form == "slack"
    assert len(second) < 28_000
    if form == "slack":
        assert channel.posts[0]["mrkdwn"] is False


def test_a_redirect_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    from tests.handoff.fakes.http import Answer, FakeServer, Request

    class Moved(FakeServer):
        def handle(self, request: Request) -> Answer:
            return Answer(307)

    moved = Moved()
    settings = target(bench, kind="webhook", label="x", url=moved.url, secret_env="TEST_SECRET")
    with pytest.raises(DeliveryProblem, match="answered 307"):
        deliver(settings, parcel())
    moved.down()
    assert SECRET not in str(settings)
