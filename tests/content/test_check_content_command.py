"""`python -m stridewell.check_content` prints the findings and says by its exit whether any."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stridewell.check_content import main

if TYPE_CHECKING:
    from tests.content.conftest import SmallProject


def test_a_clean_project_exits_with_nought_and_a_summary(
    project_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(project_root)]) == 0
    assert capsys.readouterr().out.startswith("The content is clean: ")


def test_findings_exit_with_one_and_are_counted(
    small_project: SmallProject, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(small_project.root)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == (
        "data/nlu/conversation.yml:3: greet has 2 examples; it needs at least 15."
        " Write 13 more, each in other words."
    )
    assert printed[-1] == "3 findings in 3 files."


def test_an_unreadable_file_leaves_the_rest_for_later(
    small_project: SmallProject, capsys: pytest.CaptureFixture[str]
) -> None:
    small_project.change("domain.yml", "intents:\n", "intents: [\n")
    assert main(["--root", str(small_project.root)]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("domain.yml:")
    assert "checked once they can be read" in printed


def test_a_folder_that_does_not_exist_exits_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(tmp_path / "nowhere")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_the_command_loads_neither_rasa_nor_tensorflow(project_root: Path) -> None:
    code = (
        "import sys, stridewell.check_content as command; command.main([]);"
        "print(sorted({'rasa', 'tensorflow'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_the_register_alone_loads_no_readability_library(project_root: Path) -> None:
    code = (
        "import sys, stridewell.content.register;"
        "print(sorted({'textstat', 'rasa', 'rasa_sdk', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
