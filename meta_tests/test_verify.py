"""`labelgate verify`: whether a report speaks of a dataset, and what differs if it does not."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from labelgate.fixtures.inventory import take_inventory, write_inventory
from labelgate.fixtures.report_json import load_report
from labelgate.plugins import command

Runs = tuple[Path, dict[str, "CompletedProcess[str]"]]
Verify = Callable[[], tuple[int, list[str]]]


@pytest.fixture
def report(sharded: Runs, tmp_path: Path) -> Path:
    return shutil.copytree(sharded[0] / "whole", tmp_path / "report")


@pytest.fixture
def data(sharded: Runs, tmp_path: Path) -> Path:
    return shutil.copytree(sharded[0] / "data", tmp_path / "data")


@pytest.fixture
def verify(report: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Asks the program; returns the exit code and the lines that it told."""

    def ask() -> tuple[int, list[str]]:
        code = command.main(["verify", str(report), str(data), "--workers=0"])
        told = capsys.readouterr()
        return code, (told.out or told.err).splitlines()

    return ask


def change(report: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    content = load_report(report)[1]
    how(content)
    (report / "report.json").write_text(json.dumps(content), encoding="utf-8")


def test_a_report_speaks_of_its_dataset(verify: Verify, report: Path) -> None:
    code, told = verify()
    assert code == 0
    assert len(told) == 1
    assert told[0].startswith(f"Yes: {report} speaks of data as it lies here: 38 images")


def test_names_times_and_places_of_files_make_no_difference(verify: Verify, data: Path) -> None:
    (data / "train/a/3.png").rename(data / "train/a/other.png")
    os.utime(data / "train/b/3.png", (1, 1))
    code, told = verify()
    assert code == 0
    assert told[1:] == ["  1 under another name, which makes no difference: train/a/other.png"]


def change_bytes(data: Path) -> None:
    with (data / "train/a/3.png").open("ab") as stream:
        stream.write(b"!")


def remove_five(data: Path) -> None:
    for number in range(3, 8):
        (data / f"train/a/{number}.png").unlink()


def add(data: Path) -> None:
    (data / "train/c/new.png").write_bytes(b"new")


def relabel(data: Path) -> None:
    (data / "train/a/3.png").rename(data / "train/b/from-a.png")


def move(data: Path) -> None:
    (data / "val/a").mkdir(parents=True)
    (data / "train/a/3.png").rename(data / "val/a/3.png")


def rename_class(data: Path) -> None:
    (data / "train/c").rename(data / "train/d")


def make_unreadable(data: Path) -> None:
    (data / "train/a/3.png").unlink()
    (data / "train/a/3.png").symlink_to("/etc/passwd")


PLANTED: dict[str, tuple[Callable[[Path], None], str]] = {
    "changed": (
        change_bytes,
        "  1 changed: other bytes under the same path: train/a/3.png",
    ),
    "missing": (
        remove_five,
        "  5 missing: train/a/3.png, train/a/4.png, train/a/5.png, ...",
    ),
    "added": (add, "  1 added: train/c/new.png"),
    "relabelled": (relabel, "  1 with another label: train/b/from-a.png (a, now b)"),
    "moved": (move, "  1 in another split: val/a/3.png (train, now val)"),
    "class renamed": (
        rename_class,
        "  12 with another label: train/d/0.png (c, now d), train/d/1.png (c, now d), "
        "train/d/10.png (c, now d), ...",
    ),
    "unreadable": (
        make_unreadable,
        "  1 not read, now or when the report was made (unreadable, or not here): train/a/3.png",
    ),
}


@pytest.mark.parametrize("flaw", PLANTED)
def test_each_kind_of_difference_is_named(verify: Verify, data: Path, flaw: str) -> None:
    plant, line = PLANTED[flaw]
    plant(data)
    code, told = verify()
    assert code == 1
    assert told[0].startswith("No: ")
    assert told[1:] == [line]


def test_all_differences_are_told_at_once(verify: Verify, data: Path) -> None:
    change_bytes(data)
    add(data)
    (data / "train/b/7.png").unlink()
    code, told = verify()
    assert (code, len(told)) == (1, 4)


def test_without_its_table_the_fingerprint_alone_decides(
    verify: Verify, report: Path, data: Path
) -> None:
    (report / "release.parquet").unlink()
    assert verify()[0] == 0
    change_bytes(data)
    code, told = verify()
    assert (code, len(told)) == (1, 1)


def test_a_table_that_was_changed_is_no_evidence(verify: Verify, report: Path) -> None:
    with (report / "release.parquet").open("ab") as stream:
        stream.write(b"!")
    code, told = verify()
    assert code == 1
    assert "was changed after it was written" in told[0]


def test_a_changed_fingerprint_is_found_though_the_table_agrees(
    verify: Verify, report: Path
) -> None:
    change(report, lambda content: content["dataset"].update(fingerprint="0" * 64))
    code, told = verify()
    assert (code, len(told)) == (1, 1)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda content: content.pop("results"), "is not complete: results is missing or damaged"),
        (lambda content: content["dataset"].update(fingerprint=""), "has no fingerprint"),
    ],
)
def test_an_incomplete_report_cannot_be_read(
    verify: Verify, report: Path, how: Callable[[dict[str, Any]], Any], told: str
) -> None:
    change(report, how)
    code, lines = verify()
    assert code == 4
    assert len(lines) == 1
    assert lines[0].startswith("ERROR: ")
    assert told in lines[0]


def test_a_dataset_that_is_not_there_cannot_be_read(verify: Verify, data: Path) -> None:
    shutil.rmtree(data)
    assert verify()[0] == 4


def test_images_that_are_not_here_count_by_their_ids(
    tmp_path: Path, data: Path, report: Path, measure: Callable[..., Any], verify: Verify
) -> None:
    from labelgate.fixtures.provenance import fingerprint

    (data / "dataset.toml").write_text(
        '[dataset]\nname = "data"\n[splits.train]\nimages = "train"\n'
        '[splits.val]\nimages = false\nlabels = "val.csv"\n'
    )
    (data / "val.csv").write_text("path,label\nid1,a\nid2,b\n")
    dataset, pixels = measure(data, tmp_path / "store")
    seal = asdict(
        write_inventory(
            report, take_inventory(dataset, pixels.content, pixels.hashes, pixels.decoder)
        )
    )
    found = fingerprint(dataset, pixels.content)
    change(report, lambda content: content.update(release=seal))
    change(report, lambda content: content["dataset"].update(fingerprint=found))
    assert verify()[0] == 0
    (data / "val.csv").write_text("path,label\nid1,b\nid3,b\n")
    code, told = verify()
    assert code == 1
    assert told[1:] == [
        "  1 missing: id2",
        "  1 added: id3",
        "  1 with another label: id1 (a, now b)",
    ]
