"""Checks of review dates: what a clinician should look at again by a day, is not overdue."""

from __future__ import annotations

from datetime import date, datetime

from stridewell.content.findings import Findings
from stridewell.content.project import Project


def check_reviews(project: Project, today: date, findings: Findings) -> None:
    """Check every `review_due` in domain and data: it is a date, and has not passed."""
    for content in project.files.values():
        for key, entry in content.walk():
            if key != "review_due" or entry.value is None:
                continue
            due = entry.value.date() if isinstance(entry.value, datetime) else entry.value
            if not isinstance(due, date):
                findings.add(entry.place, "review_due should be a date. Write it as 2026-11-21.")
            elif due < today:
                findings.add(
                    entry.place,
                    f"the review was due on {due}. Have a clinician review this part, then set"
                    " 'reviewed' and a new 'review_due'.",
                )
