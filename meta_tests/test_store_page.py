"""docs/store.md: what is shown there reads a store without our code."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelgate.fixtures.store import open_store
from labelgate.fixtures.vector_table import VectorTable

duckdb = pytest.importorskip("duckdb", reason="the extra `test` is not installed")
PAGE = (Path(__file__).parent.parent / "docs" / "store.md").read_text(encoding="utf-8")
PICTURES = {"train/a/1.png": 1, "train/a/2.png": 2, "train/b/1.png": 1, "train/b/bad.png": -1}

Draw = Callable[[Path, Mapping[str, int]], Path]


def blocks(language: str, store: Path) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [block.replace("STORE", str(store)) for block in found]


@pytest.fixture
def store(tmp_path: Path, draw: Draw, measure: Callable[..., Any]) -> Path:
    """Facts of four files, one of them touched since, and a vector of each picture."""
    root = draw(tmp_path / "data", PICTURES)
    folder = tmp_path / "store"
    _, pixels = measure(root, folder)
    (root / "train/a/2.png").touch()
    measure(root, folder)
    table = VectorTable(open_store(folder).table("vectors", "any").folder, 3)
    table.append(pixels.content[:3], np.eye(3, dtype=np.float16))
    return folder


def test_queries_tell_what_they_say(store: Path) -> None:
    largest, repeated = [duckdb.sql(query).fetchall() for query in blocks("sql", store)]
    assert sorted(row[0] for row in largest) == ["train/a/1.png", "train/a/2.png", "train/b/1.png"]
    assert {row[2:] for row in largest} == {(8, 8)}
    assert [row[1] for row in repeated] == [["train/a/1.png", "train/b/1.png"]]
    assert re.fullmatch("[0-9a-f]{32}", repeated[0][0])


def test_scripts_run_with_numpy_and_pandas_alone(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = blocks("python", store)
    assert "labelgate" not in script
    exec(compile(script, "docs/store.md", "exec"), {})
    assert capsys.readouterr().out == "{'PNG': 2}\n(3, 32) float16 (3, 3)\n"


def test_every_table_of_a_run_is_on_the_page(sample: tuple[Path, Any]) -> None:
    folder, _ = sample
    tables = {
        f.name.rpartition("-")[0] for f in (folder / "store" / "v1").glob("*-*") if f.is_dir()
    }
    assert {table for table in tables if f"| `{table}` |" not in PAGE} == set()
