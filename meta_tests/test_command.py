"""The `labelgate` program: the words a person types, and the code a machine reads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from labelgate.plugins import command
from labelgate.plugins.commands import check, demo

Python = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pytest was called with; it does not run."""
    calls: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        calls.append(arguments)
        return 3

    monkeypatch.setattr(check.pytest, "main", main)
    return calls


def test_check_runs_the_suite_on_the_dataset_with_pytests_own_arguments(
    given: list[list[str]],
) -> None:
    assert command.main(["check", "data", "-k", "cat and files", "-n2", "--report=r"]) == 3
    expected = [*check.SUITE, "--dataset=data", "-k", "cat and files", "-n2", "--report=r"]
    assert given == [expected]


def test_options_alone_are_those_of_check(given: list[list[str]]) -> None:
    assert command.main(["--dataset=data", "-x"]) == 3
    assert given == [[*check.SUITE, "--dataset=data", "-x"]]


@pytest.mark.parametrize("option", [["-k", "cat"], ["-x"]], ids=str)
def test_the_dataset_stands_directly_after_check(given: list[list[str]], option: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["check", *option, "data"])
    assert ended.value.code == 4
    assert not given


@pytest.mark.parametrize(
    "arguments", [[], ["chekc", "data"], ["check"], ["demo", "a", "--report"]], ids=str
)
def test_what_it_does_not_understand_is_told_in_one_line_and_4(
    capsys: pytest.CaptureFixture[str], given: list[list[str]], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 4
    told = capsys.readouterr().err.strip().splitlines()
    assert "error: " in told[-1]
    assert given == []


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["demo", "--help"]])
def test_help_is_told_with_0(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 0
    assert "usage: labelgate" in capsys.readouterr().out


def test_the_help_names_both_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    told = capsys.readouterr().out
    assert "check" in told
    assert "demo" in told


def test_demo_overwrites_no_folder_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[list[str]]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert command.main(["demo", str(tmp_path)]) == 4
    assert capsys.readouterr().err.startswith("ERROR: ")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_demo_hands_the_code_of_a_run_on_that_came_to_no_end(
    tmp_path: Path, given: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelgate.fixtures.sample.build.build_sample", lambda folder: ())
    assert command.main(["demo", str(tmp_path / "new")]) == 3


def test_demo_says_what_was_missed_and_what_was_not_planted(
    sample: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = sample
    assert demo.compare(folder / "data", folder / "clean") == 1
    told = capsys.readouterr().out.splitlines()
    assert "not found: no_exact_duplicates_within_a_split[dam] failed" in told
    assert told[-1].startswith("the gate is open: 40 planted flaws, 0 found")


def test_demo_finds_a_failure_that_nobody_planted(
    sample: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = sample
    assert demo.compare(folder / "spotless", folder / "check") == 1
    assert "not planted: no_exact_duplicates_within_a_split[dam] failed" in capsys.readouterr().out


def test_the_installed_program_starts(tmp_path: Path, python: Python) -> None:
    code = "import sys; from importlib.metadata import entry_points as e; sys.argv[0] = 'labelgate'"
    code += "; sys.exit(e(group='console_scripts', name='labelgate')['labelgate'].load()())"
    run = python(tmp_path, "-c", code, "nothing")
    assert run.returncode == 4
    assert run.stderr.splitlines()[-1].startswith("labelgate: error: ")


def test_check_of_one_image_judges_it(
    tmp_path: Path, python: Python, draw: Callable[[Path, Mapping[str, int]], Path]
) -> None:
    draw(tmp_path / "data", {"train/cat/1.png": 1})
    run = python(tmp_path, "-m", "labelgate.plugins.command", "check", "data", "--collect-only")
    assert run.returncode == 0
    # 28 of the class, 30 alterations, 3 of the dataset, 1 of groups
    assert "62 tests collected" in run.stdout
