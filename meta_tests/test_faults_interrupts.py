"""A run that is ended early leaves a report that says so, or none; and nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from getpass import getuser
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sample_reports import check_form

from labelgate.fixtures.report_json import load_report

Python = Callable[..., "CompletedProcess[str]"]

CHOSEN = ("-k", "files or exact_duplicates", "--workers=0")

OTHERS = {
    "encoding": ("-k", "copies_across", "--workers=1"),
    "handing out": ("-k", "exact_duplicates", "--workers=0", "-n1"),
}
"""What is chosen where workers prepare pictures for a network, or pytest-xdist hands tests out."""

STRIKES = {
    "measuring": "SIGINT@exact_duplicates",
    "storing": "SIGINT@part:1",
    "encoding": "SIGINT@encoding",
    "judging": "SIGTERM@judgement",
    "papers": "SIGINT@papers",
    "checking": "SIGTERM@check",
    "handing out": "SIGTERM@handing out",
    "drawing": "SIGINT@drawing",
    "pages": "SIGTERM@pages",
}
"""When a run is struck, and by what."""

BEFORE_ANY_CHECK = ("measuring", "storing", "encoding", "judging", "papers")


@pytest.fixture(scope="module")
def struck(
    tmp_path_factory: pytest.TempPathFactory,
    python: Python,
    draw: Callable[[Path, Mapping[str, int]], Path],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> tuple[Path, dict[str, "CompletedProcess[str]"]]:
    """Runs that were ended early, in one folder: each with a report, a store and temp files."""
    folder = tmp_path_factory.mktemp("struck")
    pictures = {f"train/{c}/{n}.png": 20 * i + n for i, c in enumerate("ab") for n in range(12)}
    draw(folder / "data", pictures | {"train/a/copy.png": 0, "train/b/copy.png": 20})

    def run(name: str) -> Callable[[], Any]:
        (folder / f"temp-{name}").mkdir()
        places = (f"--report={name}", f"--store=store-{name}")
        program = ("-m", "labelgate.plugins.command", "check", "data", "-p", "struck")
        return lambda: python(
            folder, *program, *places, *OTHERS.get(name, CHOSEN),
            STRIKE=STRIKES[name], TMPDIR=str(folder / f"temp-{name}"),
            CHILDREN=str(folder / f"children-{name}"),
        )  # fmt: skip

    shutil.copy(Path(__file__).with_name("struck.py"), folder)
    return folder, at_once({name: run(name) for name in STRIKES})


@pytest.mark.parametrize("name", STRIKES)
def test_a_run_that_is_ended_early_says_so_and_ends_with_2(
    struck: tuple[Path, dict[str, "CompletedProcess[str]"]], name: str
) -> None:
    folder, runs = struck
    told = runs[name].stdout + runs[name].stderr
    assert runs[name].returncode == 2, told
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    report = load_report(folder / name)[1]
    assert report["verdict"] == "error"
    assert report["provenance"]["exit_code"] == 2
    assert "The run ended early, with exit code 2." in report["notices"]
    check_form(folder / name)


@pytest.mark.parametrize("name", STRIKES)
def test_page_and_summary_say_that_nothing_is_decided(
    struck: tuple[Path, dict[str, "CompletedProcess[str]"]], name: str
) -> None:
    folder, _ = struck
    page = (folder / name / "index.html").read_text(encoding="utf-8")
    assert "the run was interrupted" in page
    summary = (folder / name / "summary.md").read_text(encoding="utf-8")
    assert "Not decided: " in summary
    assert "Fit to release" not in page + summary.replace("Not fit to release", "")


@pytest.mark.parametrize("name", STRIKES)
def test_no_more_is_told_than_was_decided(
    struck: tuple[Path, dict[str, "CompletedProcess[str]"]], name: str
) -> None:
    folder, _ = struck
    report = load_report(folder / name)[1]
    run, total = report["checks"]["run"], report["checks"]["total"]
    if name in BEFORE_ANY_CHECK:
        assert (run, report["results"]) == (0, [])
        assert not list((folder / name).glob("evidence/*"))
    elif name == "checking":
        assert run == 2
    elif name == "handing out":
        assert run == 0  # the first was being told of
    else:
        assert {r["outcome"] for r in report["results"]} == {"passed", "failed"}
    assert run < total
    pictures = json.loads((folder / name / "pictures.json").read_text())["images"]
    if name in ("drawing", "pages"):
        assert pictures
        assert {told["error"] for told in pictures.values()} == {
            "not drawn, because the run was interrupted"
        }


PYTESTS_OWN = f"pytest-of-{getuser()}"
"""A folder that pytest keeps where xdist was asked for, and the next sessions of it remove."""


@pytest.mark.parametrize("name", STRIKES)
def test_nothing_is_left_but_the_report_and_whole_parts(
    struck: tuple[Path, dict[str, "CompletedProcess[str]"]], name: str
) -> None:
    folder, runs = struck
    left = [file.name for file in (folder / f"temp-{name}").iterdir()]
    assert [each for each in left if each != PYTESTS_OWN] == []
    assert [file.name for file in folder.glob(f"{name}/**/*.tmp")] == []
    assert list((folder / name / ".labelgate").iterdir()) == []
    assert [file for file in (folder / f"store-{name}").rglob("*.tmp")] == []
    assert (folder / f"children-{name}").read_text() == ""
    assert "leaked shared_memory" not in runs[name].stderr


def test_commands_that_run_no_checks_end_quietly_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from labelgate.plugins import command
    from labelgate.plugins.commands import diff

    def interrupted(given: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(diff, "run", interrupted)
    assert command.main(["diff", "old", "new"]) == 2
    assert capsys.readouterr().err == "labelgate: interrupted\n"


WAITING = """
import signal, sys
from pathlib import Path
from labelgate.fixtures.workers import run_batches
from waiting_tasks import wait_here

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    folder = Path(sys.argv[1])
    try:
        list(run_batches(wait_here, [[str(folder / str(n))] for n in range(2)], 2, print))
    except KeyboardInterrupt:
        sys.exit(2)
"""

TASK = """
import os, signal, time
from pathlib import Path

def wait_here(batch):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as one that hangs in a read over NFS
    Path(batch[0]).write_text(str(os.getpid()))
    time.sleep(600)
"""


def test_nobody_waits_for_a_worker_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    (tmp_path / "waiting_tasks.py").write_text(TASK)
    script = [sys.executable, str(tmp_path / "waiting.py"), str(tmp_path)]
    with subprocess.Popen(script) as run:
        pids = [wait_for_text(tmp_path / str(n)) for n in range(2)]
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 2
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def wait_for_text(file: Path) -> str:
    for _ in range(600):
        if file.exists() and (text := file.read_text()):
            return text
        time.sleep(0.05)
    raise AssertionError(f"{file} did not come")


DAM = ("-k", "dam and files", "--workers=0")

READERS: dict[str, tuple[str, ...]] = {
    "diff": ("diff", "demo", "demo"),
    "verify": ("verify", "demo", "data"),
    "check": ("check", "data", "--report={0}/report", "--store={1}/store", *DAM, "-v"),
    "measure": ("measure", "data", "--report={0}/report", "--store={1}/store", *DAM),
}
"""Commands whose output nobody reads."""


@pytest.mark.parametrize(
    ("name", "unbuffered"), [*((name, "") for name in READERS), ("measure", "1")]
)
def test_a_reader_that_leaves_ends_a_command_quietly(
    sample: tuple[Path, Any], tmp_path: Path, name: str, unbuffered: str
) -> None:
    folder, _ = sample
    arguments = [argument.format(tmp_path, folder) for argument in READERS[name]]
    ends = os.pipe()
    os.close(ends[0])  # as `head -0` does, before the first byte
    program = [sys.executable, "-m", "labelgate.plugins.command", *arguments]
    with os.fdopen(ends[1], "wb") as nobody:
        run = subprocess.run(
            program,
            cwd=folder,
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
    assert (run.stderr, run.returncode) == ("", 141)
