"""The tables of sources and reviews of a dataset.toml, and every mistake in one sentence."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from declared import by_path
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset, tables

IMAGES = ("train/cat/1.png", "train/cat/2.png", "val/cat/ä 🎉.png")
SPLITS = '[splits.train]\nimages = "train"\n[splits.val]\nimages = "val"\n'
SOURCES = '[sources]\ntable = "sources.csv"\n'
REVIEWS = '[[reviews]]\ntable = "review.csv"\n'
COLUMNS = "path_a,path_b,decision,reviewer,date\n"
A, B, C = IMAGES

Read = Callable[..., Dataset]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads three images with a description and tables."""

    def run(description: str, **tables: str | bytes) -> Dataset:
        for path in IMAGES:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        (tmp_path / "dataset.toml").write_text(SPLITS + description, encoding="utf-8")
        for name, text in tables.items():
            data = text.encode() if isinstance(text, str) else text
            (tmp_path / f"{name}.csv").write_bytes(data)
        return read_dataset(tmp_path)

    return run


def refusal(read: Read, description: str, **tables: str | bytes) -> str:
    with pytest.raises(DatasetError) as told:
        read(description, **tables)
    message = str(told.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# --- sources ------------------------------------------------------------------------------------


def test_without_a_table_there_are_no_sources_and_no_reviews(read: Read) -> None:
    dataset = read("")
    assert (dataset.sources, dataset.reviews) == (None, ())


def test_sources_belong_to_paths_and_some_may_have_none(read: Read) -> None:
    dataset = read(SOURCES, sources=f"path,source,note\n{C},dome,x\n{A},dome,\n")
    assert by_path(dataset) == {A: "dome", C: "dome"}


def test_a_table_of_sources_without_rows_declares_none_of_them(read: Read) -> None:
    assert by_path(read(SOURCES, sources="path,source\n")) == {}


def test_a_table_in_the_folder_of_a_split_is_no_image(read: Read) -> None:
    description = '[sources]\ntable = "./val/../sources.csv"\n' + REVIEWS
    dataset = read(description, sources="path,source\n", review=COLUMNS)
    assert dataset.paths == IMAGES


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("path\n", ["lacks the column 'source'", "path, source"]),
        ("", ["lacks the column 'path'"]),
        (f"path,source\n{A}\n", ["line 2", "'source' is empty"]),
        (f"path,source\n{A},\n", ["line 2", "'source' is empty"]),
        ("path,source\n,dome\n", ["line 2", "'path' is empty"]),
        ("path,source\ncat/1.png,dome\n", ["line 2", "'cat/1.png' is no image", f"like '{A}'"]),
        (f"path,source\n{A},x\n{B},x\n{A},x\n", ["line 4", f"'{A}' has a source already"]),
        (f'path,source\n{A},"x\n', ["cannot be read as UTF-8 CSV"]),
        ("path,source\nä,x\n".encode("latin-1"), ["cannot be read as UTF-8 CSV"]),
    ],
)
def test_a_mistake_in_a_table_of_sources_is_one_sentence(
    read: Read, table: str | bytes, words: list[str]
) -> None:
    said = refusal(read, SOURCES, sources=table)
    for word in ["sources.csv", *words]:
        assert word in said


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ('[sources]\ntable = "no.csv"', ["sources.table", "'no.csv' does not exist"]),
        ('[sources]\ntable = "../no.csv"', ["sources.table", "leads out"]),
        ('[sources]\ntable = "/etc/hostname"', ["sources.table", "leads out"]),
        ('[sources]\ntable = "val"', ["val cannot be read"]),
        ('[sources]\nfile = "x.csv"', ["'sources.table' is missing"]),
        ("[sources]\ntable = 3", ["sources.table", "string"]),
        ("[[sources]]", ["sources"]),
        ('[reviews]\ntable = "no.csv"', ["reviews", "list"]),
        (REVIEWS + '[[reviews]]\ntable = "no.csv"', ["reviews[2].table", "'no.csv'"]),
        (
            '[[reviews]]\ntable = "review.csv"\nby = "x"',
            ["unknown key", "known keys here: table"],
        ),
        ("[[reviews]]\n", ["reviews.0.table", "missing"]),
    ],
)
def test_a_mistake_about_tables_in_dataset_toml_is_one_sentence(
    read: Read, description: str, words: list[str]
) -> None:
    said = refusal(read, description, review=COLUMNS)
    for word in words:
        assert word in said


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "", "x y", '"c,d"', "s", "t"]), max_size=4)),
    st.sampled_from([None, "s", "t"]),
    st.sampled_from(["path,label", "label,path,split", "split,label,path,more", "path,split"]),
    st.integers(1, 3),
)
def test_columns_are_those_of_the_rows(
    rows: list[list[str]], split: str | None, header: str, at_once: int
) -> None:
    def told(way: Callable[..., Any]) -> Any:  # noqa: ANN401
        try:
            return way(folder, "t.csv", ("path", "label"), split)
        except DatasetError as error:
            return str(error)

    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        patch.setattr(tables, "AT_ONCE", at_once)
        (folder / "t.csv").write_text("\n".join([header, *map(",".join, rows)]))
        line_by_line = told(tables.read_rows)
        columns = told(tables.read_columns)
    if isinstance(columns, str) or isinstance(line_by_line, str):
        assert columns == line_by_line
    else:
        values = [list(values) for _, values in line_by_line]
        assert list(map(list, zip(*columns, strict=True))) == values
