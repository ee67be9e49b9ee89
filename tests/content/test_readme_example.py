"""The worked example of README.md, carried out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stridewell.settings import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
STEP = re.compile(r'<!-- add to (\S+) after "(.+?)" -->\n```yaml\n(.*?)```', re.DOTALL)
SAID = re.compile(r"<!-- what the command says -->\n```text\n(.*?)```", re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the content that may be edited."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    shutil.copytree(ROOT / "actions", tmp_path / "actions")
    shutil.copytree(ROOT / "stridewell", tmp_path / "stridewell")
    shutil.copytree(ROOT / "components", tmp_path / "components")
    shutil.copy(ROOT / "domain.yml", tmp_path)
    return tmp_path


def check(project: Path) -> subprocess.CompletedProcess[str]:
    """Run the content check on a copy."""
    return subprocess.run(
        [sys.executable, "-m", "stridewell.check_content", "--root", project],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_worked_example_leaves_only_what_the_readme_says(project: Path) -> None:
    steps = STEP.findall(README)
    assert len(steps) == 5
    for name, line, block in steps:
        file = project / name
        text = file.read_text(encoding="utf-8")
        assert text.count(f"\n{line}\n") == 1
        file.write_text(text.replace(f"\n{line}\n", f"\n{line}\n{block}"), encoding="utf-8")
        result = check(project)
        assert result.returncode == 1
    (said,) = SAID.findall(README)
    assert said.strip() in result.stdout
    assert "1 finding in 1 file" in result.stdout


def test_every_file_and_folder_that_the_readme_names_exists() -> None:
    for name in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`([a-z_]+/|[a-z_]+\.yml)`", README):
        assert (ROOT / name).exists(), name


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z-]+)(?=[`\n])", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
