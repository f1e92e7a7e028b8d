"""Definitions side by side: what a page draws beside a finding about classes, and its caps."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_wordnet import NOUNS, Noun, write_wordnet

from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.definitions import define_classes
from labelgate.fixtures.measurements import ROWS_SHOWN, Measurement, Table
from labelgate.fixtures.side_by_side import compare_classes, list_taxa, tell_above
from labelgate.fixtures.taxa import Taxon
from labelgate.fixtures.taxonomy import ask_witnesses
from labelgate.fixtures.witnesses import Finding
from labelgate.fixtures.wordnet import WordNet, open_wordnet

SAID = Finding(0, 1, "part of", "him", "see")
BOTH = frozenset((0, 1))
UNIQUE, MEANINGS = "class_name_is_unique", "class_name_has_one_meaning"
ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"


def dataset_of(absent: bool = False, **columns: dict[str, str]) -> Dataset:
    """One image of each class that the columns name."""
    labels = sorted({label for values in columns.values() for label in values})
    split = SplitNames("val", [f"val/{each}" for each in labels], labels, absent=absent)
    dataset = assemble("small", Path("/"), [split], frozenset(labels))
    return replace(dataset, class_columns=columns)


def row_of(dataset: Dataset, wordnet: WordNet | None, name: str, subject: str) -> Measurement:
    rows = ask_witnesses(dataset, wordnet, ()).measurements()
    (row,) = (row for row in rows if (row.property, row.subject) == (name, subject))
    return row


def tree(folder: Path, **above: list[str | int]) -> tuple[WordNet, dict[str, str]]:
    nouns = {name: Noun(name, above=up) for name, up in above.items()}
    wnids = write_wordnet(folder, nouns)
    return open_wordnet(folder), wnids


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ({"a": []}, ""),
        ({"b": [], "a": ["b"]}, "b"),
        ({"c": [], "b": ["c"], "a": ["b", "c"]}, "c > b"),
        ({**{k: [up] for k, up in zip("abcd", "bcde", strict=True)}, "e": []}, "e > d > c > b"),
        (
            {**{k: [up] for k, up in zip("abcde", "bcdef", strict=True)}, "f": []},
            "… > e > d > c > b",
        ),
        ({"a": ["b"], "b": ["a"]}, "… > a > b > a > b"),
        ({"a": ["b"], "b": [77]}, "b"),
    ],
)
def test_what_a_class_stands_under_is_told_from_afar_to_near(
    tmp_path: Path, above: dict[str, list[str | int]], told: str
) -> None:
    wordnet, wnids = tree(tmp_path, **above)
    found = tell_above(wordnet.synset(int(wnids["a"][1:])), wordnet)
    assert found.replace(ARROW, ">") == told


def test_without_wordnet_there_is_nothing_above_and_no_empty_column() -> None:
    names = {"one": "crane", "two": "Crane"}
    (table,) = row_of(dataset_of(name=names), None, UNIQUE, "one").tables
    assert table == Table(
        kind="text",
        title="definitions side by side",
        heading="class",
        rows=["crane (one)", "Crane (two)"],
        columns=["words", "who says what"],
        values=[
            ["crane", ""],
            ["crane", "\N{BULLET} same name, says official name: both are called 'crane'"],
        ],
        total=2,
    )


def test_a_class_that_nobody_says_anything_about_has_no_table() -> None:
    row = row_of(dataset_of(name={"one": "crane", "two": "bird"}), None, UNIQUE, "one")
    assert (row.value, list(row.tables)) == (0, [])


@pytest.mark.parametrize("others", [ROWS_SHOWN - 1, ROWS_SHOWN, 50])
def test_no_more_than_the_first_rows_are_kept_and_the_table_says_so(others: int) -> None:
    dataset = dataset_of(name={f"{i:03}": "crane" for i in range(others + 1)})
    (table,) = row_of(dataset, None, UNIQUE, "000").tables
    assert (len(table.rows), table.total) == (ROWS_SHOWN, others + 1)
    taxa = [Taxon(i, "t", (0, 1), 3) for i in range(others + 1)]
    (table,) = list_taxa(taxa, 100)
    assert (len(table.rows), table.total) == (ROWS_SHOWN, others + 1)
    assert table.values[0] == ["n00000000", 2, 0.02, 3]


def test_the_meanings_of_a_name_stand_side_by_side_and_that_of_the_class_is_marked(
    tmp_path: Path,
) -> None:
    wnids = write_wordnet(tmp_path, NOUNS)
    dataset = dataset_of(
        wnid={"bird": wnids["bird"], "gun": wnids["rifle"]}, name={"bird": "crane"}
    )
    wordnet = open_wordnet(tmp_path)
    (table,) = row_of(dataset, wordnet, MEANINGS, "bird").tables
    assert sorted(table.rows) == ["Crane", "crane (the class)"]
    told = dict(zip(table.rows, table.values, strict=True))
    assert told["crane (the class)"][1:] == [
        wnids["bird"], "large long-necked wading bird", f"entity {ARROW} animal"
    ]  # fmt: skip
    assert list(row_of(dataset, wordnet, MEANINGS, "gun").tables) == []


def test_pictures_that_are_not_here_stand_beside_no_definition() -> None:
    names = {"one": "crane", "two": "crane"}
    for absent in (False, True):
        row = row_of(dataset_of(absent, name=names), None, UNIQUE, "one")
        assert (row.value, len(row.examples), len(row.tables)) == (1, 0 if absent else 1, 1)


def test_columns_are_the_same_for_classes_with_and_without_a_synset(tmp_path: Path) -> None:
    wnids = write_wordnet(tmp_path, NOUNS)
    dataset = dataset_of(wnid={"a": wnids["bird"], "b": ""}, name={"a": "crane", "b": "crane"})
    classes = define_classes(dataset, wordnet := open_wordnet(tmp_path))
    (table,) = compare_classes(classes, 0, [1], {BOTH: [SAID]}, wordnet)
    assert [len(row) for row in table.values] == [len(table.columns)] * 2 == [5, 5]
    assert table.values[1] == ["crane", "", "", "", "\N{BULLET} part of, says him: see"]


def test_everybody_is_quoted_once_and_in_the_direction_that_is_meant() -> None:
    classes = define_classes(dataset_of(name={"a": "crane", "b": "bird"}), None)
    both = [replace(SAID, label=1, other=0), SAID]
    back = Finding(1, 0, "kind of", "her", "look")
    (table,) = compare_classes(
        classes, 0, [1], {BOTH: [*both, back, replace(SAID, relation="related")][::-1]}, None
    )
    told = table.values[1][-1]
    assert told.replace("\N{BULLET} ", "").splitlines() == [
        "part of, says him: see", "related, says him: see",
        "kind of, the other way round, says her: look",
    ]  # fmt: skip
