"""A run that is killed, again and again, and the one after it; a disk that is full for a while."""

import itertools
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from test_layouts import draw_photos

from labelgate.fixtures.parts import is_whole
from labelgate.fixtures.report_json import load_report

Suite = Callable[..., "CompletedProcess[str]"]
Runs = dict[str, "CompletedProcess[str]"]
AtOnce = Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]]

CHOSEN = ("-k", "files or exact_duplicates or copies_across", "--tau=0.3", "--workers=0")

KILLS = ("part:2", "embeddings", "part:4", "judgement", "pages")
"""Where one run after the other is killed, with one store and one report folder;
`benchmarks/faults.py` kills at every stage, and workers as well."""


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory, suite: Suite, at_once: AtOnce
) -> tuple[Path, Runs]:
    folder = tmp_path_factory.mktemp("killed")
    draw_photos(folder / "data")
    shutil.copy(Path(__file__).with_name("struck.py"), folder)

    def again_and_again() -> Runs:
        struck = ("-p", "struck", *CHOSEN)
        runs = {place: suite(folder, *struck, STRIKE=f"SIGKILL@{place}") for place in KILLS}
        for part in (folder / "store").rglob("part-*"):
            assert is_whole(part), part
        return runs | {"last": suite(folder, *CHOSEN)}

    undisturbed = ("--report=undisturbed", "--store=other", *CHOSEN)
    ended = at_once({"all": again_and_again, "one": lambda: suite(folder, *undisturbed)})
    return folder, ended["all"] | {"undisturbed": ended["one"]}


def test_each_run_was_killed(killed: tuple[Path, Runs]) -> None:
    codes = {place: killed[1][place].returncode for place in KILLS}
    assert codes == dict.fromkeys(KILLS, -signal.SIGKILL)


def test_the_run_after_many_that_were_killed_says_what_one_says_that_never_was(
    killed: tuple[Path, Runs],
) -> None:
    folder, runs = killed
    assert runs["last"].returncode == runs["undisturbed"].returncode == 1, runs["last"].stdout
    told = [load_report(folder / name)[1] for name in ("report", "undisturbed")]
    assert told[0].pop("provenance")["images_decoded"] == 0  # the first stored them all
    assert told[1].pop("provenance")["images_decoded"] > 0
    assert told[0] == told[1]
    evidence = [
        {file.name: file.read_bytes() for file in (folder / name / "evidence").iterdir()}
        for name in ("report", "undisturbed")
    ]
    assert evidence[0] == evidence[1]


def test_nothing_that_a_killed_run_left_is_taken_for_a_part(killed: tuple[Path, Runs]) -> None:
    folder, _ = killed
    half = list((folder / "store").rglob(".*.tmp"))
    assert len(half) == sum(place.startswith("part:") for place in KILLS)


FULL = ("papers", "handover", "pages", "report")


@pytest.fixture(scope="module")
def full(
    tmp_path_factory: pytest.TempPathFactory,
    suite: Suite,
    draw: Callable[[Path, Mapping[str, int]], Path],
    at_once: AtOnce,
) -> tuple[Path, Runs]:
    """Runs whose report folder is full from some place on, and one more into the same folder."""
    folder = tmp_path_factory.mktemp("full")
    draw(folder / "data", {f"train/a/{n}.png": n % 11 for n in range(12)})
    shutil.copy(Path(__file__).with_name("struck.py"), folder)
    chosen = ("-k", "files or exact_duplicates", "--workers=0")

    def run(place: str) -> Callable[[], Any]:
        where = (f"--report={place}", f"--store=store-{place}")
        return lambda: suite(folder, "-p", "struck", *where, *chosen, STRIKE=f"ENOSPC@{place}")

    ended: Runs = at_once({place: run(place) for place in FULL})
    for name, place in itertools.product(("report.json", "index.html", "summary.md"), FULL):
        assert not (folder / place / name).exists(), "taken for a report, or a page of one"
    again = suite(folder, "--report=pages", "--store=store-pages", *chosen)
    return folder, ended | {"again": again}


@pytest.mark.parametrize("place", FULL)
def test_a_full_report_folder_is_one_sentence_and_4(full: tuple[Path, Runs], place: str) -> None:
    folder, runs = full
    told = runs[place].stdout + runs[place].stderr
    assert runs[place].returncode == 4, told
    assert "Traceback" not in told
    errors = [line for line in told.splitlines() if line.startswith("ERROR: ")]
    assert errors == [
        f"ERROR: --report={folder / place} cannot be written (No space left on device); make room "
        "or name another folder."
    ]


def test_when_there_is_room_again_the_next_run_completes(full: tuple[Path, Runs]) -> None:
    folder, runs = full
    assert runs["again"].returncode == 1, runs["again"].stdout
    assert load_report(folder / "pages")[1]["verdict"] == "failed"
