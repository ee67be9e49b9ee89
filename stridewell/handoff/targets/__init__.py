"""The targets: a target's settings in, something that can deliver out."""

from __future__ import annotations

from stridewell.handoff.settings import ChatwootSettings, SmtpSettings, TargetSettings
from stridewell.handoff.targets.base import Target
from stridewell.handoff.targets.chatwoot import ChatwootTarget
from stridewell.handoff.targets.smtp import SmtpTarget
from stridewell.handoff.targets.webhook import WebhookTarget


def make_target(settings: TargetSettings) -> Target:
    """Return the target that the settings describe."""
    if isinstance(settings, SmtpSettings):
        return SmtpTarget(settings)
    if isinstance(settings, ChatwootSettings):
        return ChatwootTarget(settings)
    return WebhookTarget(settings)
