"""Same bytes in, same report out, whatever is around them.

Three runs on the sample are compared as wholes. What is changed beside the first of them (`demo`:
cold, two workers), several things in each run:

| | `check` | `copied` |
|---|---|---|
| store | warm | cold |
| workers | none | one, under pytest-xdist with two processes |
| root of the dataset | | a copy, in a path with blanks and letters of other scripts |
| order in which folders are listed | | shuffled anew in each folder and process |
| rows of every declared table | | in reverse |
| time zone | UTC-12 | UTC+14 |
| locale | POSIX | C |
| hash seed of Python | 0 | 1 |
| threads of torch, OpenCV and BLAS | | one |

`benchmarks/determinism.py` changes one thing after the other, four workers and CUDA among them;
`test_layouts.py` compares layouts.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sample_reports import SAME, Sample, read

from labelgate.fixtures.report_json import load_report

PARTS = {
    "the evidence": ("evidence/*", 8),
    "the pages": ("classes/*", 10),
    "the pictures": ("images/*", 50),
    "what is told of pictures, and asked of people": ("p*.json", 1),
    "what later runs are compared with": ("*.parquet", 2),
    "the suites": ("expectations/*", 8),
}
"""Files of a report that are equal byte by byte, and how many there are at least."""

JUDGED = re.compile(rb'"ge_load_time": "[^"]*"')
"""When Great Expectations got a table."""


@pytest.mark.parametrize("run", SAME)
def test_the_world_around_a_dataset_does_not_change_its_report(sample: Sample, run: str) -> None:
    first, other = (read(sample[0] / name) for name in ("demo", run))
    assert first.pop("provenance")["limits_sha256"] == other.pop("provenance")["limits_sha256"]
    assert first == other


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("run", SAME)
def test_every_part_of_a_report_is_the_same_byte_for_byte(
    sample: Sample, run: str, part: str
) -> None:
    pattern, least = PARTS[part]

    def files(name: str) -> dict[str, bytes]:
        found = (sample[0] / name).glob(pattern)
        return {file.name: JUDGED.sub(b"", file.read_bytes()) for file in found}

    assert files("demo") == files(run)
    assert len(files("demo")) >= least


def test_the_world_was_another_one(sample: Sample) -> None:
    folder, _ = sample
    tables = {file.name: file.read_text() for file in (folder / "data").glob("*.csv")}
    assert len(tables) >= 5
    for name, text in tables.items():
        moved = next(folder.glob(f"else*/*/moved/{name}")).read_text()
        assert moved != text
        assert sorted(moved.splitlines()) == sorted(text.splitlines())


def test_names_that_differ_in_case_alone_are_two(
    tmp_path: Path,
    suite: Callable[..., "CompletedProcess[str]"],
    draw: Callable[[Path, Mapping[str, int]], Path],
) -> None:
    names = {"Crane": 0, "crane": 20, "CRANE": 40}
    pictures: dict[str, int] = {}
    for label, first in names.items():
        pictures |= {f"train/{label}/{n}.PNG": first + n for n in range(5)}
        pictures |= {f"train/{label}/a{n}.png": first + n + 5 for n in range(5)}
        pictures |= {f"train/{label}/A{n}.png": first + n + 10 for n in range(5)}
    pictures |= {"val/crane/0.png": 0}  # of Crane, in train
    draw(tmp_path / "data", pictures)
    run = suite(tmp_path, "-k", "files or exact_duplicates", "--workers=0")
    assert run.returncode == 1, run.stdout
    report: dict[str, Any] = load_report(tmp_path / "report")[1]
    across = "no_exact_duplicates_across_splits"
    told = {r["subject"]: r for r in report["results"] if r["property"] == across}
    assert {label: told[label]["outcome"] for label in names} == {
        "Crane": "failed", "crane": "failed", "CRANE": "passed"
    }  # fmt: skip
    assert told["crane"]["examples"] == [["train/Crane/0.PNG", "val/crane/0.png"]]
    pages = [page.name.lower() for page in (tmp_path / "report/classes").glob("*crane*")]
    assert len(set(pages)) == len(pages) == 3, "pages that a file system could take for one"
