"""The content check: takes a project's content, hands on everything a writer forgot or mistook.

Each module checks one kind of thing, and says of each fault what to do. None stops at the first.
"""

from __future__ import annotations

from datetime import date

from stridewell.content.checks.intents import check_examples, check_intents
from stridewell.content.checks.outside import check_outside
from stridewell.content.checks.register import check_articles, check_topics
from stridewell.content.checks.responses import check_responses
from stridewell.content.checks.reviews import check_reviews
from stridewell.content.checks.rules import check_actions, check_rules
from stridewell.content.findings import Findings
from stridewell.content.limits import LIMITS, Limits
from stridewell.content.project import Project


def check_project(
    project: Project, today: date, findings: Findings, limits: Limits = LIMITS
) -> None:
    """Check the content of a project.

    While a file cannot be read, the names in it are unknown, and every mention of them elsewhere
    would seem a mistake: then only the review dates of the other files are checked.

    Args:
        project: The content as read.
        today: The day on which a review may be overdue.
        findings: Collects what is wrong.
        limits: What the content must keep to.
    """
    check_reviews(project, today, findings)
    if not project.complete:
        return
    check_articles(project, findings)
    check_topics(project, limits, findings)
    check_intents(project, limits, findings)
    check_examples(project, limits, findings)
    check_actions(project, findings)
    check_rules(project, findings)
    check_responses(project, limits, findings)
    check_outside(project, findings)
