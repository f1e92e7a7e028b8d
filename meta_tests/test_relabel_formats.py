"""Tables of relabel studies: every form, every mistake in one sentence, what is listed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import RelabelStudy
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.readers.relabel_formats import FORMS, read_answers
from labelgate.fixtures.relabel_studies import WHOLE, RelabelStudies, collect_studies

Read = Callable[..., list[tuple[str, tuple[str, ...], bool]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a table of a form, and returns image, labels and consensus of each row."""

    def run(form: str, *lines: str, study: str = "real") -> list[tuple[str, tuple[str, ...], bool]]:
        file = tmp_path / "table.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        entry = RelabelStudy(study, file, form)  # type: ignore[arg-type]
        return [(each.image, each.labels, each.consensus) for each in read_answers(entry)]

    return run


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(DatasetError) as told:
        call()
    message = str(told.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# --- forms --------------------------------------------------------------------------------------

VOTES = "image,given,guessed,votes_given,votes_guessed,votes_both,votes_neither"

CASES: dict[str, tuple[Sequence[str], list[tuple[str, tuple[str, ...], bool]]]] = {
    "labelgate": (
        ["path,labels,status", "1,a|b,", "2,,", "3,,inconsistent", "4,,X", "5,,Z", "6, b ,B"],
        [
            *[("1", ("a", "b"), True), ("2", (), True), ("3", (), False)],
            *[("4", (), False), ("5", (), True), ("6", ("b",), True)],
        ],
    ),
    "tidy": (
        ["image,study,status,label_list", "1,real,A,7", "1,other,B,8", "2,real,M,9|7"],
        [("1", ("7",), True), ("2", ("9", "7"), True)],
    ),
    "proposed": (
        ["id,proposed_labels,validation", '1,"689, 601",+', "2,7,*", "3,8|9,*", "4,,"],
        [
            *[("1", ("689", "601"), True), ("2", ("7",), True)],
            *[("3", ("8", "9"), True), ("4", (), True)],
        ],
    ),
    "votes": (
        [VOTES, "1,a,b,3,2,0,0", "2,a,b,1,3,1,0", "3,a,b,0,0,5,0", "4,a,b,2,2,1,0", "5,a,b,0,1,0,4",
         "6,a,b,0,0,0,0", "7,a,b,2,2,0,0"],
        [
            *[("1", ("a",), True), ("2", ("b",), True), ("3", ("a", "b"), True)],
            *[("4", (), False), ("5", (), True), ("6", (), False), ("7", (), False)],
        ],
    ),
    "unanimous": (
        [VOTES, "1,a,b,5,0,0,0", "2,a,b,4,1,0,0", "3,a,b,0,0,0,5", "4,a,b,0,0,0,0"],
        [("1", ("a",), True), ("2", (), False), ("3", (), True), ("4", (), False)],
    ),
    "counts": (
        ["path,original_label,n_a,n_b", "1,a,26,25", "2,a,25,25", "3,a,0,0"],
        [("1", ("a",), True), ("2", (), False), ("3", (), False)],
    ),
    "column": (
        ["path,original_label,real,worst", "1,a,b,c", "2,a,,c"],
        [("1", ("b",), True), ("2", (), True)],
    ),
    "outcome": (
        ["image,split,outcome", "1,val,weasel", "2,val,ambiguous", "3,val,non-ImageNet: Tayra"],
        [
            *[("1", ("weasel",), True), ("2", (), True)],
            ("3", ("non-ImageNet: Tayra",), True),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_is_read(read: Read, form: str) -> None:
    lines, expected = CASES[form]
    assert read(form, *lines) == expected


def test_the_columns_of_votes_may_be_called_as_cifar_10_calls_them(read: Read) -> None:
    first = "path,original_label,guessed_label,votes_given,votes_guessed,votes_both,votes_neither"
    assert read("votes", first, "1,cat,dog,0,5,0,0") == [("1", ("dog",), True)]


@pytest.mark.parametrize(
    ("form", "lines", "said"),
    [
        ("labelgate", ["path,label", "1,a"], "lacks the column 'labels'"),
        ("labelgate", ["path,labels"], "has 0 rows"),
        ("labelgate", ["path,labels", ",a"], "line 2: the column 'path' is empty"),
        ("labelgate", ["path,labels,status", "1,a,best"], "line 2: the status 'best' is none of"),
        ("labelgate", ["path,labels,status", "1,a,none"], "goes with no label, and there are 1"),
        ("labelgate", ["path,labels,status", "1,,A"], "the status 'original' needs a label"),
        ("tidy", ["image,study,status,label_list", "1,x,A,a"], "0 rows of study 'real' among 1"),
        ("votes", [VOTES, "1,a,b,-1,0,0,0"], "the column 'votes_given' has '-1'"),
        ("votes", [VOTES, "1,,b,1,0,0,0"], "the column 'given' is empty"),
        ("votes", ["image,given", "1,a"], "lacks the column 'guessed or guessed_label'"),
        ("counts", ["path,a", "1,3"], "there is no column n_<class>"),
        ("counts", ["path,n_a", "1,x"], "the column 'n_a' has 'x'"),
        ("column", ["path,label", "1,a"], "lacks the column 'real'"),
        ("outcome", ["image,outcome", "1,"], "write a name, or 'ambiguous'"),
    ],
)
def test_a_table_that_is_no_such_form_is_refused(
    read: Read, form: str, lines: list[str], said: str
) -> None:
    assert said in refusal(lambda: read(form, *lines))


# --- images and classes -------------------------------------------------------------------------


def told(found: RelabelStudies, image: int) -> str:
    """What the only study says about an image."""
    labels = "|".join(found.vocabulary[label] for label in found.lists[found.said[0, image]])
    return labels if found.consensus[0, image] else "(no consensus)"


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., RelabelStudies]:
    """Reads studies of a weasel, a mink and a crane in two folders, with a class table."""
    paths = ["val/a/1.png", "val/a/2.png", "val/b/2.png", "val/b/3.png"]
    split = SplitNames("val", paths, ["n1", "n1", "n2", "n2"])
    columns = {
        "name": {"n1": "weasel", "n2": "Polecat, fitch", "n3": "crane", "n4": "crane"},
        "index": {"n1": "356", "n2": "358", "n3": "134", "n4": "517"},
        "synonyms": {"n1": "", "n2": "foumart", "n3": "polecat", "n4": ""},
    }

    def run(lines: Sequence[str], **entry: object) -> RelabelStudies:
        file = tmp_path / "table.csv"
        file.write_text("\n".join(["path,labels", *lines]) + "\n", encoding="utf-8")
        dataset = assemble("memory", tmp_path, [split], frozenset(columns["name"]))
        study = replace(RelabelStudy("real", file), **entry)  # type: ignore[arg-type]
        return collect_studies(replace(dataset, class_columns=columns, relabels=(study,)))

    return run


def test_an_image_is_called_by_its_path_or_by_a_name_that_only_one_has(
    collect: Callable[..., RelabelStudies],
) -> None:
    found = collect(["1.png,n1", "val/b/2.png,n2"], most_unknown=1)
    assert (found.said[0] >= 0).tolist() == [True, False, True, False]
    found = collect(["1.png,n1", "2.png,n2"], most_unknown=1)
    assert [(each.line, each.image) for each in found.problems] == [(3, "2.png")]


@pytest.mark.parametrize(
    ("called", "label"),
    [
        *[("n2", "n2"), ("358", "n2"), ("polecat", "n2"), ("FITCH", "n2"), ("foumart", "n2")],
        *[("Polecat", "n2"), ("weasel", "n1")],
    ],
)
def test_a_class_is_called_by_id_index_or_name(
    collect: Callable[..., RelabelStudies], called: str, label: str
) -> None:
    assert told(collect([f"val/a/1.png,{called}"]), 0) == label


@pytest.mark.parametrize("called", ["crane", "tayra", "999"])
def test_an_experts_label_may_be_no_class(
    collect: Callable[..., RelabelStudies], called: str
) -> None:
    found = collect([f"val/a/1.png,{called}", "val/a/2.png,n1"], expert=True)
    assert told(found, 0) == called
    assert found.vocabulary == ("n1", "n2", "n3", "n4", called)
    assert found.problems == ()


def test_rows_about_unknown_images_and_classes_are_listed_and_count_for_nothing(
    collect: Callable[..., RelabelStudies],
) -> None:
    found = collect(["9.png,n1", "val/a/1.png,n1|tayra", "val/a/2.png,n1"], most_unknown=0.7)
    assert found.said[0].tolist() == [-1, 1, -1, -1]
    assert [(each.line, each.said) for each in found.problems] == [
        (2, "no image of the dataset"),
        (3, "'tayra' is no class of the dataset"),
    ]


def test_a_study_with_too_many_unknown_rows_is_refused(
    collect: Callable[..., RelabelStudies],
) -> None:
    lines = ["9.png,n1", "val/a/1.png,tayra", "val/a/2.png,n1", "val/b/3.png,n2"]
    assert len(collect(lines, most_unknown=0.5).problems) == 2
    sentence = refusal(lambda: collect(lines, most_unknown=0.49))
    assert "2 of the 4 rows of study 'real' name no image or no class" in sentence
    assert "at most a share of 0.49 is allowed; the first is line 2, '9.png'" in sentence


def test_an_image_that_stands_twice_with_other_labels_has_no_consensus(
    collect: Callable[..., RelabelStudies],
) -> None:
    lines = ["val/a/1.png,n1", "val/a/1.png,n2", "val/a/2.png,n1|n2", "val/a/2.png,n2|n1"]
    found = collect([*lines, "val/a/1.png,n1"])
    assert [told(found, image) for image in (0, 1)] == ["(no consensus)", "n1|n2"]
    assert [each.line for each in found.problems] == [3, 6]
    assert found.problems[0].said == "stands in line 2 with other labels: no consensus"


def test_a_study_in_which_everything_is_ambiguous_is_listed(
    collect: Callable[..., RelabelStudies],
) -> None:
    (problem,) = collect(["val/a/1.png,", "val/a/2.png,"]).problems
    assert (problem.line, problem.said) == (WHOLE, "gives no label to any of its 2 images")


def test_an_expert_who_names_no_class_at_all_is_listed(
    collect: Callable[..., RelabelStudies],
) -> None:
    (problem,) = collect(["val/a/1.png,tayra"], expert=True).problems
    assert problem.said == "none of its 1 labels is a class of the dataset"


# --- declarations -------------------------------------------------------------------------------

STUDY = '[splits.train]\nimages = "train"\n[[relabels]]\nstudy = "real"\ntable = "real.csv"\n'


def test_a_study_is_declared_with_its_table(describe: Callable[..., Path]) -> None:
    text = STUDY + 'format = "tidy"\nexpert = true\nmost_unknown = 0.5\n'
    dataset: Dataset = read_dataset(describe(text, real="anything"))
    table = dataset.root / "real.csv"
    assert dataset.relabels == (RelabelStudy("real", table, "tidy", True, 0.5),)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('format = "letters"\n', "relabels.0.format"),
        ("most_unknown = 1.5\n", "relabels[1].most_unknown = 1.5 is no share of rows"),
        (STUDY[STUDY.index("[[") :], "relabels[2].study = 'real' stands there twice"),
        ('[[relabels]]\nstudy = " "\ntable = "real.csv"\n', "relabels[2].study is empty"),
        ('[[relabels]]\nstudy = "x"\ntable = "x.csv"\n', "'x.csv' does not exist"),
        ('[[relabels]]\nstudy = "x"\ntable = "../x.csv"\n', "leads out of"),
        ('votes = "x"\n', "unknown key 'relabels.0.votes'; known keys here: study, table"),
    ],
)
def test_a_wrong_declaration_is_told_in_one_sentence(
    describe: Callable[..., Path], more: str, said: str
) -> None:
    root = describe(STUDY + more, real="path,labels\n")
    assert said in refusal(lambda: read_dataset(root))


def test_a_table_of_a_study_in_a_split_is_no_image(describe: Callable[..., Path]) -> None:
    text = '[splits.val]\nimages = "val"\nlabels = false\n' + STUDY.replace("real.csv", "val/r.csv")
    root = describe(text)
    (root / "val" / "r.csv").write_text("path,labels\n")
    assert "val/r.csv" not in read_dataset(root).paths
