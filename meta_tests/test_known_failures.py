"""Known failures: strict both ways, with an owner and a date, whatever the class is called."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from labelgate.fixtures.errors import SettingsError
from labelgate.plugins.known_failures import read_known_failures

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
    (folder / "known.toml").write_text("".join([*entries, expired]), encoding="utf-8")
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
    assert known == within | {(ENOUGH, label) for label in ("a b", "a/b", "tab\\t", "猫", "🦩")}
    assert run.returncode == 1


@pytest.mark.parametrize("processes", ["one", "two"])
def test_what_is_not_accepted_passes_now_or_has_expired_fails(runs: Runs, processes: str) -> None:
    _, cells = runs[processes]
    failed = {label for (name, label), told in cells.items() if (name, told) == (WITHIN, "failed")}
    assert failed == {"open", "fine", "stale"}


def test_a_known_failure_says_reason_owner_date_and_what_was_found(
    runs: Runs, folder: Path
) -> None:
    results = json.loads((folder / "one" / "report.json").read_text())["results"]
    (told,) = [r for r in results if (r["property"], r["subject"]) == (WITHIN, "猫")]
    assert told["reason"] == "why (ann, until 2099-12-31)"
    assert "2 of 2 images" in told["message"]
    assert told["examples"] == [["train/16.png", "train/17.png"]]


def test_a_known_failure_that_passes_says_to_remove_it(runs: Runs, folder: Path) -> None:
    results = json.loads((folder / "one" / "report.json").read_text())["results"]
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


@pytest.mark.parametrize("expires", ["0", "1.5", "2026-01-01T12:00:00"])
def test_an_expiry_that_is_no_date_is_refused(tmp_path: Path, expires: str) -> None:
    file = tmp_path / "known.toml"
    file.write_text(entry("t").replace("2099-12-31", expires), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"expires"):
        read_known_failures(file)
