"""Puts measured tables into the documents: a page, a mark's name and a table in."""

from __future__ import annotations

from pathlib import Path


def fill_in(page: Path, name: str, table: str) -> None:
    """Replace what stands on a page between ``<!-- name -->`` and the next ``<!-- end -->``.

    Raises:
        ValueError: The page lacks one of the marks.
    """
    before, mark, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    after = rest[rest.index("<!-- end -->") :]
    page.write_text(f"{before}{mark}{table}\n{after}", encoding="utf-8")
