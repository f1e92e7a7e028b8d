"""Known failures: strict both ways, with an owner and a date, whatever the class is called."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sample_reports import check_form

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import load_report
from labelgate.plugins.known_failures import (
    KnownEntry,
    KnownFailures,
    read_known_failures,
    today,
)

ROOT = Path(str(files("labelgate.fixtures"))).parent

Suite = Callable[..., "CompletedProcess[str]"]

WITHIN = "no_exact_duplicates_within_a_split"
ENOUGH = "classes_have_enough_images"
LABELS = ("a b", "a/b", "a::b[c]", "fine", 'it\'s "quoted"', "open", "stale", "tab\\t", "猫", "🦩")


def entry(test: str, expires: str = "2099-12-31") -> str:
    name = json.dumps(test, ensure_ascii=False)
    return f'[[known]]\ntest = {name}\nreason = "why"\nowner = "ann"\nexpires = {expires}\n\n'


def duplicates(label: str) -> str:
    return f"test_exact_duplicates::test_{WITHIN}[{label}]"


def enough(label: str) -> str:
    return f"test_files::test_{ENOUGH}[{label}]"


def of_property(name: str, subject: str, value: float) -> str:
    return (
        f'[[known]]\nproperty = "{name}"\nsubject = "{subject}"\nvalue = {value}\nreason = "few"\n'
        'owner = "eve"\nexpires = 2099-01-01\nissue = "https://example.org/7"\n\n'
    )


AS_CALLED = [duplicates(label) for label in LABELS if label not in ("open", "stale", "fine")]
AS_SHOWN = [
    enough(label.encode("unicode-escape").decode())
    for label in ("a b", "a/b", "tab\\t", "猫", "🦩")
]


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, draw: Callable[[Path, Mapping[str, int]], Path]
) -> Path:
    """Every class has two equal pictures, but `fine`, which has two; all have too few."""
    folder = tmp_path_factory.mktemp("known")
    pictures = {f"train/{i}.png": i // 2 for i in range(2 * len(LABELS))}
    fine = 2 * LABELS.index("fine")
    draw(folder / "data", pictures | {f"train/{fine}.png": 1000})
    rows = [f'train/{i}.png,"{LABELS[i // 2].replace(chr(34), chr(34) * 2)}"' for i in range(20)]
    (folder / "data" / "train.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    (folder / "data" / "dataset.toml").write_text(
        '[dataset]\nname = "names"\n[splits.train]\nimages = "train"\nlabels = "train.csv"\n'
    )
    entries = [entry(test) for test in (*AS_CALLED, *AS_SHOWN, duplicates("fine"))]
    expired = entry(duplicates("stale"), "2020-01-01")
    valued = [of_property(ENOUGH, "open", 2), of_property(ENOUGH, "fine", 3)]
    (folder / "known.toml").write_text("".join([*entries, expired, *valued]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def runs(
    folder: Path,
    suite: Suite,
    outcomes: Callable[[Path], dict[tuple[str, str], str]],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> dict[str, tuple["CompletedProcess[str]", dict[tuple[str, str], str]]]:
    given = "--known-failures=known.toml"
    told = at_once(
        {
            "one": lambda: suite(folder, given, "--report=one"),
            "two": lambda: suite(folder, given, "--report=two", "-n2"),
            "strict": lambda: suite(folder, given, "--report=strict", "--runxfail"),
        }
    )
    return {name: (run, outcomes(folder / name)) for name, run in told.items()}


Runs = dict[str, tuple["CompletedProcess[str]", dict[tuple[str, str], str]]]


@pytest.mark.parametrize("processes", ["one", "two"])
def test_accepted_failures_are_known_whatever_the_class_is_called(
    runs: Runs, processes: str
) -> None:
    run, cells = runs[processes]
    known = {cell for cell, told in cells.items() if told == "known"}
    within = {(WITHIN, label) for label in LABELS if label not in ("open", "stale", "fine")}
    assert known == within | {
        (ENOUGH, label) for label in ("a b", "a/b", "open", "tab\\t", "猫", "🦩")
    }
    assert run.returncode == 1


@pytest.mark.parametrize("processes", ["one", "two"])
def test_what_is_not_accepted_passes_now_or_has_expired_fails(runs: Runs, processes: str) -> None:
    _, cells = runs[processes]
    failed = {label for (name, label), told in cells.items() if (name, told) == (WITHIN, "failed")}
    assert failed == {"open", "fine", "stale"}


def result(folder: Path, name: str, subject: str) -> dict[str, Any]:
    results = load_report(folder)[1]["results"]
    (told,) = [r for r in results if (r["property"], r["subject"]) == (name, subject)]
    return dict(told)


def test_an_entry_of_a_property_accepts_up_to_its_value(runs: Runs, folder: Path) -> None:
    told = result(folder / "one", ENOUGH, "open")
    assert told["outcome"] == "known"
    assert told["known"] == {
        "by": "entry", "reason": "few", "owner": "eve", "expires": "2099-01-01",
        "days_left": (date(2099, 1, 1) - datetime.now(UTC).date()).days,
        "issue": "https://example.org/7", "value": 2,
    }  # fmt: skip
    (cell,) = told["cells"]
    assert (cell["judged"], cell["side"]) == (2, "min")


def test_what_is_worse_than_accepted_fails_and_says_by_how_much(runs: Runs, folder: Path) -> None:
    told = result(folder / "one", ENOUGH, "fine")
    assert told["outcome"] == "failed"
    assert told["message"].startswith(
        "fine: 2 in train is worse than 3, the worst value that eve accepted "
        "(few, until 2099-01-01); mend what is new or accept the new value. fine in train: 2 images"
    )


def test_an_expired_entry_says_since_when(runs: Runs, folder: Path) -> None:
    told = result(folder / "one", WITHIN, "stale")
    days = (datetime.now(UTC).date() - date(2020, 1, 1)).days
    assert f"expired on 2020-01-01, {days:,} days ago; mend it or renew" in told["message"]
    assert told["known"]["days_left"] == -days


def test_under_runxfail_nothing_is_accepted(runs: Runs, folder: Path) -> None:
    run, cells = runs["strict"]
    assert run.returncode == 1
    assert "known" not in cells.values()
    assert result(folder / "strict", WITHIN, "猫")["message"].startswith("猫 in train: 2 of 2")


def test_the_first_page_and_the_schema_know_accepted_failures(runs: Runs, folder: Path) -> None:
    check_form(folder / "one")
    page = (folder / "one" / "index.html").read_text()
    section = page.partition('<h2 id="accepted">')[2].partition("</section>")[0]
    assert section.count("<tr>") == 1 + sum(
        each.startswith("[[known]]") for each in (folder / "known.toml").read_text().splitlines()
    )
    assert '<a href="https://example.org/7" rel="noreferrer">issue</a>' in section
    assert section.index("expired") < section.index("2099")


def test_a_known_failure_says_reason_owner_date_and_what_was_found(
    runs: Runs, folder: Path
) -> None:
    results = load_report(folder / "one")[1]["results"]
    (told,) = [r for r in results if (r["property"], r["subject"]) == (WITHIN, "猫")]
    assert told["reason"] == "why (ann, until 2099-12-31)"
    assert "2 of 2 images" in told["message"]
    assert told["examples"] == [["train/16.png", "train/17.png"]]


def test_a_known_failure_that_passes_says_to_remove_it(runs: Runs, folder: Path) -> None:
    results = load_report(folder / "one")[1]["results"]
    (told,) = [r for r in results if (r["property"], r["subject"]) == (WITHIN, "fine")]
    assert told["message"] == (
        "fine: passes now, but a known failure says that it fails: why (ann, until 2099-12-31); "
        "remove the entry."
    )


@pytest.mark.parametrize("arguments", [("-k", "files"), ("-k", "猫 and enough")])
def test_entries_of_tests_that_are_not_selected_are_no_mistake(
    folder: Path, suite: Suite, arguments: tuple[str, ...]
) -> None:
    run = suite(folder, "--known-failures=known.toml", "--collect-only", "-q", *arguments)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("tests", "named"),
    [
        ([duplicates("lion")], "lion"),
        (["test_files::test_every_image_decode[a b]"], "test_every_image_decode[a b]"),
        (["test_flies::test_every_image_decodes[a b]"], "test_flies"),
        ([duplicates("猫"), duplicates("\\u732b")], "732b"),
        ([duplicates("猫"), duplicates("猫")], "stands there twice"),
    ],
    ids=["no such class", "no such test", "no such module", "two spellings", "twice"],
)
def test_an_entry_that_names_no_test_is_refused_with_4(
    folder: Path, tmp_path: Path, suite: Suite, tests: list[str], named: str
) -> None:
    file = tmp_path / "known.toml"
    file.write_text("".join(map(entry, tests)), encoding="utf-8")
    run = suite(folder, f"--known-failures={file}", "--collect-only", "-q")
    assert run.returncode == 4, run.stdout + run.stderr
    assert named in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (entry("t").replace("owner", "boss"), "owner"),
        (entry("t").replace('owner = "ann"\n', ""), "known.0.owner"),
        (entry("t").replace('reason = "why"', 'reason = ""'), "known.0.reason"),
        (entry("t").replace("2099-12-31", '"next year"'), "known.0.expires"),
        (entry("t").replace("known", "knwon"), "knwon"),
        (entry("t") + 'property = "p"\n', "name either test, or property and subject"),
        (of_property("p", "s", 1).replace('subject = "s"\n', ""), "name either test"),
        (entry("t") + 'issue = "javascript:alert(1)"\n', "known.0.issue"),
        (entry("t") + 'issue = "https://a b"\n', "known.0.issue"),
        (entry("t") + "value = nan\n", "known.0.value"),
        (entry("t") + "value = inf\n", "known.0.value"),
        (entry("t") + 'value = "much"\n', "known.0.value"),
        ("[[known", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "known.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as told:
        read_known_failures(file)
    message = str(told.value)
    assert named in message
    assert str(file) in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("processes", [(), ("-n2",)])
def test_every_entry_that_names_nothing_is_told(
    folder: Path, tmp_path: Path, suite: Suite, processes: tuple[str, ...]
) -> None:
    file = tmp_path / "known.toml"
    file.write_text(
        entry(duplicates("lion")) + entry("test_x::test_y") + of_property("no_property", "猫", 1)
    )
    run = suite(folder, f"--known-failures={file}", f"--report={tmp_path}/r", *processes)
    assert run.returncode == 4, run.stdout + run.stderr
    told = [line for line in run.stderr.splitlines() if line]
    assert [line.partition(".toml: ")[2] for line in told] == [
        f"'{name}' names no check, {why}; correct or remove the entry."
        for name, why in (
            (duplicates("lion"), "names has no such class"),
            ("test_x::test_y", "there is no such test"),
            ("no_property[猫]", "there is no such property"),
        )
    ]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_last_day_counts_and_is_one_day_for_the_whole_world(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        known = KnownFailures({}, today())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert known.today == datetime.now(UTC).date()
    last = KnownEntry(test="t", reason="r", owner="o", expires=known.today)
    assert known.days_left(last) == 0


@pytest.mark.parametrize("expires", ["0", "1.5", "2026-01-01T12:00:00"])
def test_an_expiry_that_is_no_date_is_refused(tmp_path: Path, expires: str) -> None:
    file = tmp_path / "known.toml"
    file.write_text(entry("t").replace("2099-12-31", expires), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"expires"):
        read_known_failures(file)
