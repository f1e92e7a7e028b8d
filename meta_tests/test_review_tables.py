"""The tables of reviews: every form of a decision, read as it was written, every mistake told."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.declarations import Review
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset

IMAGES = ("train/cat/1.png", "train/cat/2.png", "val/dog|fox/ä 🎉.png", "val/=1+1/,\n\"'.png")
SPLITS = '[splits.train]\nimages = "train"\n[splits.val]\nimages = "val"\n'
REVIEWS = '[[reviews]]\ntable = "review.csv"\n'
COLUMNS = "path_a,path_b,decision,reviewer,date\n"
LABELLED = "path_a,path_b,decision,label,reviewer,date\n"
A, B, C, D = IMAGES
DAY = "2026-10-01"

Read = Callable[..., Dataset]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads four images with a description and tables of reviews."""

    def run(description: str, **tables: str) -> Dataset:
        for path in IMAGES:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        (tmp_path / "dataset.toml").write_text(SPLITS + description, encoding="utf-8")
        for name, text in tables.items():
            (tmp_path / f"{name}.csv").write_bytes(text.encode())
        return read_dataset(tmp_path)

    return run


def refusal(read: Read, table: str) -> str:
    with pytest.raises(DatasetError) as told:
        read(REVIEWS, review=table)
    message = str(told.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_reviews_of_several_tables_follow_each_other(read: Read) -> None:
    first = f"{COLUMNS}{A},{B},different,ann,{DAY}\n"
    second = f"date,reviewer,label,decision,path_b,path_a\n2026-10-02,zoë,,unsure,{A},{C}\n"
    dataset = read(REVIEWS + REVIEWS.replace("review.", "more."), review=first, more=second)
    assert dataset.reviews == (
        Review(A, B, "different", "ann", DAY),
        Review(C, A, "unsure", "zoë", "2026-10-02"),
    )


def test_a_review_may_name_images_that_are_gone(read: Read) -> None:
    dataset = read(REVIEWS, review=f"{COLUMNS}{A},gone.png,augmentation,ann,{DAY}\n")
    assert dataset.reviews[0].path_b == "gone.png"


@pytest.mark.parametrize(
    ("decision", "label", "labels"),
    [
        ("label", "cat", ("cat",)),
        ("label", "cat|=1+1", ("=1+1", "cat")),
        ("label", "dog|fox", ("dog|fox",)),
        ("no_class", "", ()),
        ("unsure", "", ()),
    ],
)
def test_a_review_without_a_second_path_is_about_a_label(
    read: Read, decision: str, label: str, labels: tuple[str, ...]
) -> None:
    dataset = read(REVIEWS, review=f"{LABELLED}{A},,{decision},{label},ann,{DAY}\n")
    assert dataset.reviews == (Review(A, "", decision, "ann", DAY, label),)
    assert dataset.reviews[0].labels(dataset.labels) == labels


def test_any_path_is_read_back_as_it_was_written(read: Read) -> None:
    """An apostrophe before what a spreadsheet would run would be another path."""
    rows = [Review(D, C, "different", "=ann", DAY), Review(D, "", "label", 'z"oë,', DAY, "=1+1")]
    text = io.StringIO()
    header = ["path_a", "path_b", "decision", "reviewer", "date", "label"]
    writer = csv.DictWriter(text, header, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: getattr(row, name) for name in header} for row in rows)
    assert read(REVIEWS, review=text.getvalue()).reviews == tuple(rows)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"{A},{B},exact,ann,{DAY}", ["'exact'", "augmentation, similar_view, different, unsure"]),
        (f"{A},{B},Different,ann,{DAY}", ["'Different'"]),
        (f"{A},{A},different,ann,{DAY}", [f"'{A}' is paired with itself"]),
        (f"{A},{B},different,,{DAY}", ["'reviewer' is empty"]),
        (f",{B},different,ann,{DAY}", ["'path_a' is empty"]),
        (f"{A},{B},different,ann,", ["'date' is empty"]),
        (f"{A},{B},different,ann", ["'date' is empty"]),
        (f"{A},,different,ann,{DAY}", ["'path_b' is empty", "name the other"]),
        (f"{A},{B},,ann,{DAY}", ["'decision' is empty"]),
        (f"{A},{B},different,ann,1.10.2026", ["'1.10.2026'", "2026-10-31"]),
        (f"{A},{B},different,ann,2026-13-01", ["'2026-13-01'"]),
        (f"{A},{B},different,ann,20261001", ["'20261001'"]),
        (f"{A},{B},label,ann,{DAY},cat", ["'label' is about one image", f"'{B}'", "empty"]),
        (f"{A},{B},no_class,ann,{DAY}", ["'no_class' is about one image"]),
        (f"{A},,relabel,ann,{DAY},cat", ["'relabel' about one image", "label, no_class, unsure"]),
        (f"{A},,label,ann,{DAY},", ["'label' is empty", "class id"]),
        (f"{A},,label,ann,{DAY}", ["'label' is empty", "class id"]),
        (f"{A},,label,ann,{DAY},puma", ["'puma' is no class"]),
        (f"{A},,label,ann,{DAY},cat|", ["'' is no class"]),
        (f"{A},,label,ann,{DAY},cat|puma", ["'puma' is no class"]),
        (f"{A},,no_class,ann,{DAY},cat", ["'no_class' has the label 'cat'"]),
        (f"{A},{B},different,ann,{DAY},cat", ["'different' has the label 'cat'"]),
        (f"{A},{B},different,ann,{DAY},,x", ["more values"]),
    ],
)
def test_a_mistake_in_a_review_is_one_sentence(read: Read, row: str, words: list[str]) -> None:
    good = f"{B},{C},different,ann,{DAY},\n"
    said = refusal(read, f"{COLUMNS[:-1]},label\n{good}{row}\n")
    for word in ["review.csv, line 3", *words]:
        assert word in said


def test_labels_need_their_column(read: Read) -> None:
    said = refusal(read, f"{COLUMNS}{A},,label,ann,{DAY}\n")
    assert "the column 'label' is empty" in said


def test_a_column_that_a_review_lacks_is_named(read: Read) -> None:
    said = refusal(read, "path_a,path_b,decision,date\n")
    assert "review.csv lacks the column 'reviewer'" in said
