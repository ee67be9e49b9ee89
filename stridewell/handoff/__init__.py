"""The hand-off to a professional: summary, consent, outbox, delivery.

A custom action builds the summary from the conversation and, after consent, puts it into the
outbox. A worker of its own (`python -m stridewell.handoff worker`) delivers from there.
"""
