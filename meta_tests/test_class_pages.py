"""The pages of subjects are the same whoever writes them."""

from pathlib import Path

import numpy as np
import pytest
from handmade_reports import PAIRS, make_report, result, write_folder

from labelgate.fixtures import workers
from labelgate.plugins.report import class_pages
from labelgate.plugins.report.html import render

NAMES = [f"class {number:02d}" for number in range(class_pages.FEW + 6)]


def folder_of(path: Path) -> Path:
    """A report with a page a class, more than one process writes, with pictures and known names."""
    pairs = [[f"val/{name}/a.png", f"train/{name}/b.png"] for name in NAMES]
    results = [result(PAIRS, n, "failed", examples=[p]) for n, p in zip(NAMES, pairs, strict=True)]
    results += [result("every_image_decodes", name) for name in NAMES]
    (path / "report").mkdir()
    pixels = np.zeros((8, 8, 3), np.uint8)
    return write_folder(path / "report", make_report(results), lambda _: pixels)


def pages_of(folder: Path) -> dict[str, bytes]:
    return {page.name: page.read_bytes() for page in (folder / "classes").iterdir()}


@pytest.mark.parametrize("processes", [1, 2])
def test_pages_are_equal_whatever_number_of_processes_writes_them(
    processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, started = folder_of(tmp_path), []
    here, pool = pages_of(folder), workers.pool_of
    monkeypatch.setattr(workers, "pool_of", lambda n: (started.append(n), pool(n))[1])
    render(folder, workers=processes)
    assert started == [processes]
    assert len(here) == len(NAMES) + 1
    assert pages_of(folder) == here


def test_few_pages_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "pool_of", lambda _: pytest.fail("a process was started"))
    monkeypatch.setattr(class_pages, "FEW", len(NAMES))
    render(folder_of(tmp_path), workers=2)
