"""What people and definitions say of the sample: each flaw fails its own cells, and no others."""

from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.label_status import find_status
from labelgate.fixtures.label_witnesses import find_witnesses
from labelgate.fixtures.measurements import gather
from labelgate.fixtures.multilabel import Multilabel, find_pairs
from labelgate.fixtures.opinions import Opinions
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.relabel_studies import collect_studies
from labelgate.fixtures.relabels import Relabels
from labelgate.fixtures.sample.build import write_draft
from labelgate.fixtures.sample.draft import CLASSES, Draft, draw_draft
from labelgate.fixtures.sample.flaw import Flaw
from labelgate.fixtures.sample.flaws import PLANTINGS
from labelgate.fixtures.sample.nouns import NOUNS
from labelgate.fixtures.sample.people_flaws import PEOPLE
from labelgate.fixtures.sample.word_flaws import WORDS
from labelgate.fixtures.study_agreement import find_agreement
from labelgate.fixtures.taxonomy import ask_witnesses
from labelgate.fixtures.wordnet import open_wordnet

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

Cell = tuple[str, str]
Sample = tuple[Path, dict[str, "CompletedProcess[str]"]]
Outcomes = Callable[[Path], dict[Cell, str]]

OURS = (*WORDS, *PEOPLE)
STEMS = ("taxonomy", "relabels", "multilabel")


def cells_of(flaws: Sequence[Flaw]) -> set[Cell]:
    """The cells of the three stems that flaws make fail."""
    limits = read_limits(None).properties
    return {cell for flaw in flaws for cell in flaw.cells if limits[cell[0]].stem in STEMS}


def failed(folder: Path) -> set[Cell]:
    """The cells of the three stems that fail, without a look at a single picture."""
    dataset = read_dataset(folder)
    studies = collect_studies(dataset)
    status = find_status(dataset, studies)
    facts = dataset, studies, status
    agreement = find_agreement(len(dataset.labels), studies, status)
    witnesses = find_witnesses(dataset, status, ())
    assert dataset.wordnet is not None
    found = {
        "relabels": Relabels(*facts, agreement, 0.95, 10),
        "multilabel": Multilabel(
            dataset, Opinions(*facts), witnesses, find_pairs(dataset, witnesses), 0.95, 10
        ),
        "taxonomy": ask_witnesses(dataset, open_wordnet(dataset.wordnet), ()),
    }
    verdicts = judge(gather(found), read_limits(None)).verdicts
    return {(v.measurement.property, v.measurement.subject) for v in verdicts if v.passed is False}


@pytest.fixture(scope="module")
def others() -> Draft:
    """The sample with every flaw but those of words and people."""
    draft = draw_draft(0)
    for planting in PLANTINGS:
        if planting not in OURS:
            draft = planting[1](draft)
    return draft


@pytest.mark.parametrize("left_out", [None, *OURS], ids=lambda each: each[0].name if each else "-")
def test_every_flaw_fails_its_cells_and_without_it_they_pass(
    others: Draft, tmp_path: Path, left_out: tuple[Flaw, Callable[[Draft], Draft]] | None
) -> None:
    draft = others
    for planting in OURS:
        draft = draft if planting is left_out else planting[1](draft)
    flaws = [planting[0] for planting in PLANTINGS if planting is not left_out]
    write_draft(tmp_path, draft, flaws)
    assert failed(tmp_path) == cells_of(flaws)


def test_where_nothing_is_planted_these_cells_are_measured_and_pass(
    sample: Sample, outcomes: Outcomes
) -> None:
    found = outcomes(sample[0] / "clean")
    planted = cells_of([flaw for flaw, _ in PLANTINGS])
    assert len(planted) == 14
    assert {cell: found[cell] for cell in planted} == dict.fromkeys(planted, "passed")


def test_each_property_of_what_people_and_definitions_say_has_a_flaw_but_one() -> None:
    limits = read_limits(None).properties
    properties = {name for name, limit in limits.items() if limit.stem in STEMS}
    # of 14 classes two of a kind are more than a tenth: it is not measured below 20
    assert {name for name, _ in cells_of([flaw for flaw, _ in PLANTINGS])} == properties - {
        "no_taxon_dominates"
    }


def test_the_dictionary_defines_every_class_by_its_own_name_in_words_of_its_own() -> None:
    assert set(CLASSES) <= set(NOUNS)
    glosses = [noun.gloss for noun in NOUNS.values()]
    assert len(set(glosses)) == len(glosses)
    assert all(glosses)


# --- what the report of the demo says of them ---------------------------------------------------


@pytest.fixture(scope="module")
def evidence(sample: Sample) -> Callable[[str], pd.DataFrame]:
    """Reads an evidence table of the demo."""
    folder = sample[0] / "demo" / "evidence"
    return lambda name: pd.read_csv(folder / name, keep_default_na=False)


Evidence = Callable[[str], pd.DataFrame]


def test_the_witness_of_each_overlap_is_named(evidence: Evidence) -> None:
    found = evidence("taxonomy.csv")
    told = found.loc[found["counts"], ["class", "other", "relation", "witness"]]
    both = ("laptop", "notebook"), ("notebook", "laptop")
    assert set(told.itertuples(index=False, name=None)) == {
        *((*pair, "same name", "word") for pair in both),
        *((*pair, "near synonym", "spelling") for pair in both),
        ("tusker", "elephant", "kind of", "hypernym"),
        ("space bar", "laptop", "part of", "inherited meronym"),
        ("space bar", "notebook", "part of", "inherited meronym"),
        ("crane", "", "several meanings", "WordNet"),
        ("sorrel", "", "several meanings", "WordNet"),
    }


def test_the_agreed_labels_are_what_the_pictures_show_where_all_correct_them(
    evidence: Evidence, sample: Sample
) -> None:
    given = pd.read_csv(sample[0] / "data" / "val.csv").set_index("path")["label"]
    agreed = evidence("agreed_labels.csv").set_index("path")
    weasels = agreed.loc[given.index[given == "weasel"]]
    assert weasels["status"].value_counts().to_dict() == {"corrected": 8, "original": 2}
    ferrets = agreed.loc[given.index[given == "ferret"]]
    assert ferrets["status"].value_counts().to_dict() == {"inconsistent": 8, "original": 3}
    assert set(ferrets["labels"]) == {"ferret"}
    tuskers = agreed.loc[given.index[given == "tusker"]]
    assert set(tuskers["labels"]) == {"elephant|tusker"}
    assert set(tuskers["status"]) == {"multilabel"}


def test_the_expert_names_what_is_no_class(evidence: Evidence) -> None:
    said = evidence("relabel_breakdown.csv")
    said = said[said["study"] == "expert"]
    assert not set(said["class"]) - {"", "ferret", "polecat", "weasel"}
    relabels = evidence("relabels.csv")
    assert (relabels["labels_expert"] == "polecat").sum() == 12
