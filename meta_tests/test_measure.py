"""`labelgate measure`: facts are computed and stored, nothing is decided, and check only reads."""

import importlib.util
import resource
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from noise import draw_noise
from old_pictures import age
from stored_tables import parts_in, rows_in, vectors_in

from conftest import PROGRAM, Runs, clean_environment, share
from labelgate.fixtures import engines, ray_engine
from labelgate.fixtures.engines import read_engine
from labelgate.fixtures.errors import DatasetError, SettingsError
from labelgate.fixtures.settings import LOCAL, SETTINGS, Engine
from labelgate.plugins import command, facts
from labelgate.plugins.commands import check

Python = Callable[..., "CompletedProcess[str]"]
CHOSEN = ("-k", "files or exact_duplicates or near_duplicates", "--tau=0.2", "--workers=0")
GIVEN = ("measure", "data", "--store=store", "--embedder=file:vectors.npy", *CHOSEN)
LARGEST = 32_768
"""Bytes of a file when the disk is full: the facts of 40 pictures fit, their vectors do not."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, python: Python) -> tuple[Path, Runs]:
    """Pictures with vectors of their owner, measured on a full disk and on one with room."""

    def run(folder: Path) -> Runs:
        draw_noise(folder / "data", 40)
        for picture in (folder / "data").rglob("*.png"):
            age(picture)  # what was written a moment ago is read again
        np.save(folder / "vectors.npy", np.random.default_rng(0).standard_normal((40, 768)))
        full = subprocess.run(
            [sys.executable, *PROGRAM, *GIVEN],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST)),
            cwd=folder,
            env=clean_environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        (folder / "after").write_text("\n".join(parts_in(folder / "store")))
        return {"full": full, "next": python(folder, *PROGRAM, *GIVEN)}

    return share(tmp_path_factory, "measured", run)


def test_a_full_disk_ends_with_one_sentence_and_what_was_stored_stays(
    measured: tuple[Path, Runs],
) -> None:
    folder, ended = measured
    assert ended["full"].returncode == 4
    (line,) = [line for line in ended["full"].stderr.splitlines() if "ERROR" in line]
    assert "vectors" in line
    assert "(File too large); make room or give a folder you may write with --store." in line
    assert "Traceback" not in ended["full"].stderr
    assert len((folder / "after").read_text().splitlines()) == 2, "files and pixels"
    assert not list((folder / "store").rglob("*.tmp"))


def test_the_next_run_computes_what_is_missing_and_says_so(measured: tuple[Path, Runs]) -> None:
    folder, ended = measured
    assert ended["next"].returncode == 0
    (line,) = ended["next"].stdout.splitlines()
    assert "decoding images" not in line
    assert "embedding images (file:vectors.npy) 40; finding nearest neighbours 80" in line
    assert line.endswith(f"the store is {folder / 'store'}")
    assert len(rows_in(folder / "store", "pixels")) == len(vectors_in(folder / "store")) == 40


def test_measuring_writes_no_report(measured: tuple[Path, Runs]) -> None:
    found = sorted(path.name for path in measured[0].iterdir())
    assert [name for name in found if "report" in name] == []


def test_an_image_takes_less_than_2500_bytes_with_a_vector_of_768(
    measured: tuple[Path, Runs],
) -> None:
    parts = measured[0].glob("store/v1/*/part-*")
    few_rows = 40  # the heads of files weigh more than they would among thousands of rows
    assert sum(part.stat().st_size for part in parts) / few_rows < 2500


@pytest.mark.parametrize(
    ("computed", "told"),
    [
        ({}, "labelgate: computed in 1.5 s: nothing, all of it was stored; the store is /s"),
        (
            {"decoding images": 1234, "aligning pairs": 0, "embedding": 7},
            "labelgate: computed in 1.5 s: decoding images 1,234; embedding 7; the store is /s",
        ),
    ],
)
def test_the_closing_line_says_what_was_computed(computed: dict[str, int], told: str) -> None:
    assert facts.closing_line(Counter(computed), Path("/s"), 1.5) == told


def test_it_is_the_suite_with_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(check.pytest, "main", lambda given: calls.append(given) or 0)
    assert command.main(["measure", "data", "--engine=ray", "-k", "cat"]) == 0
    plugin = ["-p", "labelgate.plugins.facts"]
    assert calls == [[*check.SUITE, *plugin, "--dataset=data", "--engine=ray", "-k", "cat"]]
    with pytest.raises(SystemExit):
        command.main(["measure", "-x", "data"])


def test_engines_are_read_and_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_engine(None, None) == LOCAL
    monkeypatch.setattr(engines, "find_spec", lambda name: importlib.util.find_spec("json"))
    assert read_engine("ray", "a:1") == Engine("ray", "a:1")
    cases: dict[str, tuple[str | None, str | None]] = {
        "--engine=spark is none; choose one of local, ray": ("spark", None),
        "--address=a:1 names a Ray cluster; add --engine=ray": (None, "a:1"),
    }
    for sentence, given in cases.items():
        with pytest.raises(SettingsError, match=sentence):
            read_engine(*given)
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"not installed; pip install 'labelgate\[cluster\]'"):
        read_engine("ray", None)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:port"])
def test_an_address_where_nobody_answers_is_refused_soon(address: str) -> None:
    asked: Any = types.SimpleNamespace(engine=Engine("ray", address), workers=2)
    with pytest.raises(
        SettingsError, match=rf"--address={address} cannot be used \(.*\); give the"
    ):
        ray_engine.connect(asked)


class Asked:
    """A request whose measurements are these, or raise this."""

    def __init__(self, measured: Any) -> None:  # noqa: ANN401
        self.measured = measured
        plugins = types.SimpleNamespace(getplugin=lambda name: None)
        settings = types.SimpleNamespace(store=Path("/s"))
        stash = {SETTINGS: settings}
        self.config = types.SimpleNamespace(stash=stash, pluginmanager=plugins)

    def getfixturevalue(self, name: str) -> Any:  # noqa: ANN401
        assert name == "measurements"
        if isinstance(self.measured, Exception):
            raise self.measured
        return self.measured


def test_a_measurement_that_breaks_is_told_and_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: Any = Asked(types.SimpleNamespace(broken={"files": ZeroDivisionError("by zero")}))
    facts.measure_facts(asked)
    assert asked.config.stash[facts.ENDED] == 1
    assert capsys.readouterr().err == "ERROR: measuring files broke\nZeroDivisionError: by zero\n\n"


def test_what_a_user_can_mend_is_one_sentence_and_4(capsys: pytest.CaptureFixture[str]) -> None:
    asked: Any = Asked(DatasetError("'a.png' changed."))
    facts.measure_facts(asked)
    assert asked.config.stash[facts.ENDED] == 4
    assert capsys.readouterr().err == "ERROR: 'a.png' changed.\n"
