"""`labelgate accept`: what fails now becomes known, entry by entry, and is read back the same."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.errors import SettingsError
from labelgate.plugins.failing import Failing, failing_in, matching, worst
from labelgate.plugins.known_failures import read_known_failures
from labelgate.plugins.known_file import Terms, write_entries

Run = Callable[..., "CompletedProcess[str]"]

WITHIN = "no_exact_duplicates_within_a_split"
LABELS = ("a*b", "a/b", "a::b[c]", "a?b", "back\\slash", "fine", 'it\'s "quoted"', "猫", "🦩")
DUPLICATED = tuple(label for label in LABELS if label != "fine")
TERMS = ("--reason=why", "--owner=ann", "--until=2099-12-31")
SELECT = ("-k", "exact_duplicates", "--workers=0")


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    draw: Callable[[Path, Mapping[str, int]], Path],
    suite: Run,
) -> Path:
    """Every class has two equal pictures, but `fine`; and the report that says so."""
    folder = tmp_path_factory.mktemp("accept")
    pictures = {f"train/{i:02}.png": i // 2 for i in range(2 * len(LABELS))}
    fine = 2 * LABELS.index("fine")
    draw(folder / "data", pictures | {f"train/{fine:02}.png": 1000})
    rows = [
        f'train/{i:02}.png,"{LABELS[i // 2].replace(chr(34), chr(34) * 2)}"'
        for i in range(len(pictures))
    ]
    (folder / "data" / "train.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    (folder / "data" / "dataset.toml").write_text(
        '[dataset]\nname = "names"\n[splits.train]\nimages = "train"\nlabels = "train.csv"\n'
    )
    run = suite(folder, *SELECT)
    assert run.returncode == 1, run.stdout + run.stderr
    return folder


@pytest.fixture
def accept(python: Run, folder: Path, tmp_path: Path) -> Run:
    """Runs `labelgate accept` on that report, for a file of this test."""

    def run(*arguments: str, **variables: str) -> "CompletedProcess[str]":
        program = ("-m", "labelgate.plugins.command", "accept", "report")
        return python(folder, *program, f"--file={tmp_path}/known.toml", *arguments, **variables)

    return run


def entries(folder: Path) -> list[dict[str, Any]]:
    told = tomllib.loads((folder / "known.toml").read_text(encoding="utf-8"))
    return list(told["known"])


def test_after_accept_a_run_has_exactly_these_as_known(
    accept: Run,
    suite: Run,
    folder: Path,
    tmp_path: Path,
    outcomes: Callable[[Path], dict[Any, str]],
) -> None:
    before = outcomes(folder / "report")
    run = accept("--all", *TERMS)
    assert run.returncode == 0, run.stdout + run.stderr
    again = suite(
        folder, *SELECT, f"--report={tmp_path}/again", f"--known-failures={tmp_path}/known.toml"
    )
    assert again.returncode == 0, again.stdout + again.stderr
    after = outcomes(tmp_path / "again")
    assert {check for check, told in after.items() if told == "known"} == {
        check for check, told in before.items() if told == "failed"
    }
    assert "failed" not in after.values()


def test_every_entry_that_is_written_is_told_and_complete(accept: Run, tmp_path: Path) -> None:
    run = accept("--all", *TERMS, "--issue=https://example.org/7")
    written = entries(tmp_path)
    assert len(written) == len(DUPLICATED)
    for entry, line in zip(written, run.stdout.splitlines(), strict=False):
        assert f"accepted {entry['property']}[{entry['subject']}] up to 2" in line
        assert (entry["reason"], entry["owner"], entry["value"]) == ("why", "ann", 2)
        assert entry["issue"] == "https://example.org/7"
    assert run.stdout.splitlines()[-1].startswith("8 entries written to ")


@pytest.mark.parametrize("label", DUPLICATED)
def test_a_name_given_in_full_needs_no_escapes(accept: Run, tmp_path: Path, label: str) -> None:
    run = accept(f"{WITHIN}[{label}]", *TERMS)
    assert run.returncode == 0, run.stderr
    assert [entry["subject"] for entry in entries(tmp_path)] == [label]


def named(*names: str) -> list[Failing]:
    return [
        Failing(("p", name), (f"p[{name}]", f"test_s::test_p[{name}]"), 1.0, False, "")
        for name in names
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["a*b", "a[b]", "axb"]),
        ("p[*]", ["a*b", "a[b]", "axb"]),
        ("p[a?b]", ["a*b", "axb"]),
        ("p[a*b]", ["a*b"]),  # in full
        ("p[a\\*b]", ["a*b"]),
        ("p[a[b]]", ["a[b]"]),
        ("p[[ab]*", []),
        ("*::test_p[ax*", ["axb"]),
        ("p[ax", []),
        ("P[axb]", []),
    ],
)
def test_patterns_know_two_wildcards_and_take_brackets_as_they_are(
    pattern: str, expected: list[str]
) -> None:
    assert [each.check[1] for each in matching(named("a*b", "a[b]", "axb"), pattern)] == expected


def test_a_pattern_that_names_nothing_writes_nothing(accept: Run, tmp_path: Path) -> None:
    run = accept(f"{WITHIN}[*]", "nothing*", *TERMS)
    assert run.returncode == 4
    assert run.stderr.startswith("ERROR: 'nothing*' names none of the 8 checks")
    assert not (tmp_path / "known.toml").exists()


def test_what_passes_is_refused(accept: Run) -> None:
    run = accept(f"{WITHIN}[fine]", *TERMS)
    assert (run.returncode, run.stdout) == (4, "")


def test_without_a_pattern_and_a_person_what_fails_is_listed(accept: Run, tmp_path: Path) -> None:
    run = accept(*TERMS)
    assert run.returncode == 4
    assert f"{WITHIN}[猫]" in run.stdout.splitlines()
    assert "8 checks fail; name those to accept" in run.stderr
    assert not (tmp_path / "known.toml").exists()


YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("*", "--reason=x", "--owner=y"), "--until"),
        (("*", "--reason= ", "--owner=y", "--until=2099-01-01"), "--reason"),
        (("*", "--reason=x", "--owner=y", f"--until={YESTERDAY}"), "has passed"),
        (("*", "--reason=x", "--owner=y", "--until=1.2.2099"), "YYYY-MM-DD"),
        (("*", *TERMS, "--issue=javascript:alert(1)"), "no address"),
        (("*", "--all", *TERMS), "--all"),
        (("*", "--nonsense", *TERMS), "--nonsense"),
        (("*", *TERMS, "--file=nowhere/known.toml"), "cannot be written"),
    ],
)
def test_a_mistake_is_one_sentence_and_4(
    accept: Run, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    run = accept(*arguments)
    assert run.returncode == 4, run.stdout + run.stderr
    assert named in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "known.toml").exists()


OLD = """# what we know
[[known]]
test = "test_exact_duplicates::test_no_exact_duplicates_within_a_split[\\\\u732b]"  # the cat
owner = "bob"   # asks
reason = "old"
expires = 2020-01-01

# the last one
[[known]]
property = "no_exact_duplicates_within_a_split"
subject = "a/b"
reason = "slash"
owner = "eve"
expires = 2099-01-01
value = 5
"""


def test_an_entry_that_is_there_is_renewed_and_comments_stay(accept: Run, tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(OLD, encoding="utf-8")
    run = accept(f"{WITHIN}[猫]", "--until=2098-01-01")
    assert run.returncode == 0, run.stderr
    assert f"renewed {WITHIN}[猫] up to 2 (before: any value)" in run.stdout
    expected = OLD.replace("2020-01-01", "2098-01-01\nvalue = 2", 1)
    assert (tmp_path / "known.toml").read_text(encoding="utf-8") == expected


def test_a_lower_value_ratchets_down_and_keeps_the_terms(accept: Run, tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(OLD, encoding="utf-8")
    run = accept(f"{WITHIN}[a/b]")
    assert f"renewed {WITHIN}[a/b] up to 2 (before: up to 5)" in run.stdout
    assert (tmp_path / "known.toml").read_text(encoding="utf-8") == OLD.replace("= 5", "= 2")


def test_new_entries_are_appended_to_a_file_with_windows_line_ends(
    accept: Run, tmp_path: Path
) -> None:
    file = tmp_path / "known.toml"
    file.write_bytes(OLD.replace("\n", "\r\n").encode())
    assert accept(f"{WITHIN}[a::b[c]]", *TERMS).returncode == 0
    assert file.read_bytes().startswith(OLD.replace("\n", "\r\n").encode())
    assert [entry.name() for entry in read_known_failures(file)][-1] == f"{WITHIN}[a::b[c]]"


def test_an_inline_list_of_entries_is_kept_as_one(accept: Run, tmp_path: Path) -> None:
    terms = 'reason = "r", owner = "o", expires = 2099-01-01'
    old = f'known = [{{property = "{WITHIN}", subject = "a/b", {terms}}}]\n'
    (tmp_path / "known.toml").write_text(old)
    assert accept(f"{WITHIN}[*a*]", *TERMS).returncode == 0
    written = entries(tmp_path)
    assert written[0] == {
        "property": WITHIN,
        "subject": "a/b",
        "reason": "why",
        "owner": "ann",
        "expires": written[0]["expires"],
        "value": 2,
    }
    assert len(written) > 1


def test_a_link_stays_a_link_and_the_rights_of_the_file_stay(accept: Run, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text(OLD, encoding="utf-8")
    real.chmod(0o640)
    (tmp_path / "known.toml").symlink_to(real)
    assert accept(f"{WITHIN}[a/b]").returncode == 0
    assert (tmp_path / "known.toml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["known.toml", "real.toml"]


def test_a_terminal_that_knows_ascii_only_is_told_in_escapes(accept: Run) -> None:
    run = accept("*", *TERMS, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert run.returncode == 0, run.stderr
    assert "\\u732b" in run.stdout


def answer(folder: Path, file: Path, answers: str) -> tuple[int, str]:
    """Runs `labelgate accept` on a terminal and types the answers."""
    arguments = ("-m", "labelgate.plugins.command", "accept", "report", f"--file={file}", *TERMS)
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, stdin=inner, stdout=inner, stderr=inner,
        env=os.environ | {"PYTHONUTF8": "1"},
    ) as process:  # fmt: skip
        os.close(inner)
        os.write(outer, answers.encode())
        told = b""
        while select.select([outer], [], [], 60)[0]:
            try:
                told += os.read(outer, 65536)
            except OSError:  # the other end is closed
                break
    os.close(outer)
    return process.returncode, told.decode()


@pytest.mark.parametrize(
    ("answers", "subjects"),
    [
        ("y\nn\ny\nq\n", ["a*b", "a::b[c]"]),
        ("q\n", None),
        ("maybe\ny\nq\n", ["a*b"]),
        ("y\n\x04", ["a*b"]),
    ],
    ids=["y n y q", "q", "no answer", "end of file"],
)
def test_on_a_terminal_each_is_asked_about(
    folder: Path, tmp_path: Path, answers: str, subjects: list[str] | None
) -> None:
    code, told = answer(folder, tmp_path / "known.toml", answers)
    assert code == 0, told
    assert re.search(r"\[1 of 8\] " + WITHIN, told)
    if subjects is None:
        assert "Nothing was accepted." in told
        assert not (tmp_path / "known.toml").exists()
    else:
        assert [entry["subject"] for entry in entries(tmp_path)] == subjects


def cell(passed: bool | None, judged: float = 0.0, side: str = "max") -> dict[str, Any]:
    told: dict[str, Any] = {"passed": passed}
    return told | ({"judged": judged, "side": side} if passed is False else {})


def refusal(outcome: str, cells: list[dict[str, Any]], required: bool = False) -> str:
    entry = {"stem": "s", "per": "class", "required": required}
    result = {"property": "p", "subject": "c", "outcome": outcome, "message": "m", "cells": cells}
    _, refused = failing_in({"properties": {"p": entry}, "results": [result]})
    return refused.get("p[c]", "")


@pytest.mark.parametrize(
    ("outcome", "cells", "required", "told"),
    [
        ("failed", [cell(False), cell(None), cell(True)], False, ""),
        ("known", [cell(False)], False, ""),
        ("failed", [cell(False), cell(None)], True, "not measured"),
        ("failed", [], True, "not measured"),
        ("failed", [cell(True)], False, "passes now"),
        ("failed", [cell(True)], True, "passes now"),
        ("passed", [cell(True)], False, "passes now"),
        ("not_measured", [cell(None)], False, "not measured"),
        ("error", [], False, "it broke"),
        ("failed", [cell(False, side="min"), cell(False)], False, "both sides"),
    ],
)
def test_only_what_was_measured_and_fails_can_be_accepted(
    outcome: str, cells: list[dict[str, Any]], required: bool, told: str
) -> None:
    why = refusal(outcome, cells, required)
    assert told in why if told else why == ""


@pytest.mark.parametrize(
    ("judged", "side", "expected"),
    [
        ([0.1, 0.68], "max", 0.68),
        ([0.1, 0.68], "min", 0.1),
        ([1 / 3], "max", 0.333334),
        ([1 / 3], "min", 0.333333),
        ([12_345_678.0], "max", 12_345_678.0),
        ([0.0], "min", 0.0),
        ([1.5e-9 / 7], "max", 2.14286e-10),
    ],
)
def test_the_worst_value_is_kept_and_rounded_to_the_worse_side(
    judged: list[float], side: str, expected: float
) -> None:
    assert worst([cell(False, value, side) for value in judged]) == expected


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(
    st.lists(st.tuples(TEXTS, st.floats(0, 1e6)), min_size=1, max_size=4, unique_by=lambda t: t[0]),
    TEXTS,
    TEXTS,
)
def test_any_entry_that_is_written_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    checks: list[tuple[str, float]],
    reason: str,
    owner: str,
) -> None:
    file = tmp_path_factory.mktemp("written") / "known.toml"
    terms = Terms(reason, owner, datetime.now(UTC).date(), None)
    found = [Failing(("p", name), (f"p[{name}]",), value, False, "") for name, value in checks]
    write_entries(file, found[:1], terms)
    write_entries(file, found, terms)
    read = read_known_failures(file)
    assert [(e.property, e.subject, e.value) for e in read] == [("p", *check) for check in checks]
    assert {(e.reason, e.owner, e.expires, e.issue) for e in read} == {
        (reason, owner, terms.expires, None)
    }


def test_a_name_that_toml_cannot_hold_is_one_sentence(tmp_path: Path) -> None:
    check = Failing(("p", "\udcff"), ("p[\udcff]",), 1.0, False, "")
    with pytest.raises(SettingsError, match="which TOML cannot"):
        write_entries(tmp_path / "k.toml", [check], Terms("r", "o", datetime.now(UTC).date(), None))


def test_the_report_is_named_in_an_error_of_it(python: Run, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"schema": "other"}))
    run = python(tmp_path, "-m", "labelgate.plugins.command", "accept", "report.json", "*", *TERMS)
    assert run.returncode == 4
    assert "report.json has the schema 'other'" in run.stderr
