"""Predictions from files: the same answer in any order, and every mistake in one sentence."""

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import PredictionsFile
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.predictions import K, Predictions
from labelgate.fixtures.predictors import score_rows
from labelgate.fixtures.predictors.imported import read_predictions
from labelgate.fixtures.predictors.ranking import best_columns, rank
from labelgate.fixtures.readers import read_dataset

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
PATHS = ("val/a/1.png", "val/a/2.png", 'val/b/ä, "🎉"\n.png')
A, B, C = PATHS
Row = tuple[str, str, object]
Load = Callable[..., Predictions]


def of(labels: Sequence[str] = ("a", "a", "b"), classes: str = "abc") -> Dataset:
    return assemble("x", Path("/x"), [SplitNames("val", PATHS, labels)], frozenset(classes))


def write_rows(file: Path, rows: Sequence[Row]) -> None:
    if file.suffix == ".parquet":
        names = ("path", "class", "score")
        columns = zip(*rows, strict=True) if rows else ([], [], [])
        pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), file)
        return
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("path", "class", "score"), *rows])


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Writes rows, or text or bytes as they are, and reads them as predictions."""

    def run(
        rows: Sequence[Row] | str | bytes, name: str = "scores.csv", **more: str
    ) -> Predictions:
        table = tmp_path / name
        if isinstance(rows, str | bytes):
            table.write_bytes(rows.encode() if isinstance(rows, str) else rows)
        else:
            write_rows(table, rows)
        if "classes" in more:
            (tmp_path / "classes.txt").write_text(more.pop("classes"), encoding="utf-8")
            return read_predictions(
                PredictionsFile("net", table, classes=tmp_path / "classes.txt", **more), of()
            )
        return read_predictions(PredictionsFile("net", table, **more), of())

    return run


@pytest.fixture
def load_array(tmp_path: Path) -> Load:
    """Writes an array and its texts, and reads them as predictions."""

    def run(
        array: object, paths: Sequence[str] = (A, B), classes: Sequence[str] = "abc", **more: str
    ) -> Predictions:
        np.save(tmp_path / "a.npy", array, allow_pickle=True)
        (tmp_path / "p.txt").write_text("\n".join(paths), encoding="utf-8")
        (tmp_path / "c.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
        files = (tmp_path / name for name in ("a.npy", "p.txt", "c.txt"))
        return read_predictions(PredictionsFile("net", *files, **more), of())

    return run


def said(predictions: Predictions, image: int) -> dict[str, float]:
    top, scores = predictions.top[image], predictions.scores[image]
    assert ((top < 0) == (scores == -np.inf)).all()
    return {
        predictions.vocabulary[word]: round(float(score), 4)
        for word, score in zip(top, scores, strict=True)
        if word >= 0
    }


def refusal(load: Load, *given: object, **more: str) -> str:
    with pytest.raises(DatasetError) as told:
        load(*given, **more)
    message = str(told.value)
    assert "\n" not in message.replace(C, "")
    assert message.endswith(".")
    return message


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_rows_in_any_order_are_sorted_by_score(load: Load, name: str) -> None:
    rows = [(B, "a", 0.1), (A, "c", -2.0), (C, "b", 7.0), (A, "a", 3.0), (A, "b", 0.5)]
    found = load(rows, name)
    assert list(said(found, 0).items()) == [("a", 3), ("b", 0.5), ("c", -2)]
    assert (said(found, 1), said(found, 2)) == ({"a": 0.1}, {"b": 7})
    assert (found.predictor, found.vocabulary, found.reason) == ("net", ("a", "b", "c"), "")
    assert found.knows.tolist() == [True, True, True]


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_an_image_without_a_row_has_no_prediction(load: Load, name: str) -> None:
    found = load([(B, "b", 1.0)], name)
    assert [said(found, image) for image in range(3)] == [{}, {"b": 1}, {}]
    assert found.knows.tolist() == [False, True, False]


def test_equal_scores_are_ranked_in_class_order(load: Load) -> None:
    found = load([(A, "c", 1.0), (A, "b", 1.0), (A, "a", 0.5), (B, "c", 1.0), (B, "a", 1.0)])
    assert [list(said(found, image)) for image in (0, 1)] == [["b", "c", "a"], ["a", "c"]]


def test_scores_that_32_bits_cannot_tell_apart_are(load: Load) -> None:
    found = load([(A, "a", 1.0), (A, "b", 1 + 1e-12), (A, "c", 1 + 1e-13)])
    assert list(said(found, 0)) == ["b", "c", "a"]


def test_more_than_five_classes_of_an_image_are_cut_after_the_fifth(load: Load) -> None:
    rows = [(A, f"x{number}", float(number)) for number in range(7)]
    found = load([*rows, (A, "a", 2.5)], unknown_classes="other")
    assert list(said(found, 0)) == ["x6", "x5", "x4", "x3", "a"]


def test_other_classes_count_and_follow_the_classes_of_the_dataset(load: Load) -> None:
    rows = [(A, "zebra", 3.0), (A, "a", 2.0), (A, "ape", 3.0)]
    found = load(rows, unknown_classes="other")
    assert found.vocabulary == ("a", "b", "c", "ape", "zebra")
    assert list(said(found, 0)) == ["ape", "zebra", "a"]


def test_dropped_classes_leave_the_next_one_or_nothing(load: Load) -> None:
    rows = [(A, "zebra", 3.0), (A, "a", 2.0), (B, "zebra", 1.0)]
    found = load(rows, unknown_classes="drop")
    assert found.vocabulary == ("a", "b", "c")
    assert (said(found, 0), said(found, 1)) == ({"a": 2}, {})


def test_a_list_of_classes_says_what_the_model_knows_beside_what_it_predicted(load: Load) -> None:
    assert load([(A, "a", 1.0)], classes="b\nzebra\n").knows.tolist() == [True, True, False]


def test_class_numbers_of_a_parquet_are_class_ids(tmp_path: Path) -> None:
    table = {"path": pa.array([A]).dictionary_encode(), "class": [7], "score": [1]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    dataset = of("777", classes="7")
    found = read_predictions(PredictionsFile("x", tmp_path / "a.parquet"), dataset)
    assert said(found, 0) == {"7": 1}


def test_a_table_that_is_read_in_many_pieces_is_the_same(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(PATHS[i % 3], "abc"[i // 3], float(i * 7 % 5)) for i in range(9)]
    whole = load(rows)
    monkeypatch.setattr(score_rows, "BLOCK", 40)
    monkeypatch.setattr(score_rows, "BATCH", 2)
    for name in ("scores.csv", "scores.parquet"):
        pieces = load(rows, name)
        np.testing.assert_array_equal(pieces.top, whole.top)
        np.testing.assert_array_equal(pieces.scores, whole.scores)


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(A, "a", 1.0), ("1.png", "a", 1.0)], ["'1.png' is no image", f"like '{A}'"]),
        ([(A, "a", 1.0), (A, "wolf", 1.0)], ["1 classes", "'wolf'", "unknown_classes"]),
        ([(A, "a", 1.0), (B, "a", 1.0), (A, "a", 0.5)], [f"'{A}'", "'a' twice", "1 row"]),
        ([(A, "a", 1.0), (B, "a", float("nan"))], ["row 2 ", "no finite number"]),
        ([(A, "a", 1.0), (B, "a", float("inf"))], ["row 2 ", "no finite number"]),
        ([(A, "a", 1.0), (B, "a", 1e39)], ["row 2 ", "no finite number"]),
        ([], ["0 of the 3 classes", "like 'a'"]),
    ],
    ids=["path", "class", "twice", "nan", "inf", "large", "empty"],
)
def test_a_wrong_row_is_refused_in_one_sentence(
    load: Load, name: str, rows: Sequence[Row], words: list[str]
) -> None:
    told = refusal(load, rows, name)
    for word in [name, *words]:
        assert word in told


@pytest.mark.parametrize("mode", ["other", "drop"])
def test_a_row_of_another_class_may_not_be_there_twice_either(load: Load, mode: str) -> None:
    rows = [(A, "zebra", 1.0), (A, "a", 1.0), (A, "zebra", 2.0)]
    assert "'zebra' twice" in refusal(load, rows, unknown_classes=mode)


@pytest.mark.parametrize("mode", ["other", "drop"])
def test_predictions_of_none_of_the_classes_are_refused(load: Load, mode: str) -> None:
    assert "0 of the 3 classes" in refusal(load, [(A, "zebra", 1.0)], unknown_classes=mode)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.csv", "", ["as UTF-8 CSV"]),
        ("s.csv", "path,label,score\n", ["as UTF-8 CSV", "class"]),
        ("s.csv", f"path,class,score\n{A},a,high\n", ["as UTF-8 CSV", "high"]),
        ("s.csv", f"path,class,score\n{A},a\n", ["as UTF-8 CSV"]),
        ("s.csv", f"path,class,score\n{A},a,\n", ["row 1 ", "no finite number"]),
        ("s.csv", "path,class,score\nä,a,1\n".encode("latin-1"), ["as UTF-8 CSV"]),
        ("s.parquet", "path,class,score\n", ["as Parquet"]),
        ("s.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", ["as Parquet"]),
        ("s.parquet", "", ["as Parquet"]),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_in_one_sentence(
    load: Load, name: str, content: str | bytes, words: list[str]
) -> None:
    told = refusal(load, content, name)
    for word in [name, *words]:
        assert word in told


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"path": [A], "label": ["a"], "score": [1.0]}, ["lacks the column 'class'"]),
        ({"path": [A, None], "class": ["a", "a"], "score": [1.0, 2.0]}, ["row 2 has no path"]),
        ({"path": [A, B], "class": ["a", None], "score": [1.0, 2.0]}, ["row 2 has no class"]),
        ({"path": [A, B], "class": ["a", "a"], "score": [1.0, None]}, ["row 2 ", "no finite"]),
        ({"path": [A], "class": [["a"]], "score": [1.0]}, ["as Parquet"]),
        ({"path": [A], "class": ["a"], "score": ["x"]}, ["as Parquet"]),
    ],
)
def test_a_parquet_of_other_columns_is_refused_in_one_sentence(
    tmp_path: Path, load: Load, columns: dict[str, list[object]], words: list[str]
) -> None:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    told = refusal(load, stream.getvalue(), "s.parquet")
    for word in words:
        assert word in told


# --- arrays -------------------------------------------------------------------------------------

SCORES = np.array([[0.1, 0.7, 0.2], [5, 5, -1]], np.float32)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4"])
def test_the_scores_of_an_array_are_ranked_like_rows(load_array: Load, kind: str) -> None:
    found = load_array(SCORES.astype(kind), (B, A), "bca")
    assert list(said(found, 1)) == ["c", "a", "b"]
    assert said(found, 2) == {}
    assert list(said(found, 0)) == ["b", "c", "a"]
    assert found.knows.all()


@pytest.mark.parametrize("kind", ["u1", "i2", "i8"])
def test_whole_numbers_are_scores_too(load_array: Load, kind: str) -> None:
    found = load_array(np.array([[3, 1, 250 // 2], [0, 0, 9]]).astype(kind))
    assert (list(said(found, 0)), list(said(found, 1))) == (["c", "a", "b"], ["c", "a", "b"])


def test_equal_scores_of_an_array_are_ranked_in_class_order(load_array: Load) -> None:
    found = load_array(np.zeros((1, 3)), (A,), "cab")
    assert list(said(found, 0)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("mode", "expected"), [("other", ["y", "a", "z", "b"]), ("drop", ["a", "b"])]
)
def test_other_columns_count_or_are_dropped(
    load_array: Load, mode: str, expected: list[str]
) -> None:
    found = load_array(np.array([[3, 2, 4, 1.0]]), (A,), "azyb", unknown_classes=mode)
    assert list(said(found, 0)) == expected
    assert found.knows.tolist() == [True, True, False]


def test_an_array_is_read_in_blocks(load_array: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelgate.fixtures.predictors import imported

    whole = load_array(SCORES, (B, A))
    monkeypatch.setattr(imported, "BLOCK", 3)
    np.testing.assert_array_equal(load_array(SCORES, (B, A)).top, whole.top)


@pytest.mark.parametrize(
    ("array", "paths", "classes", "words"),
    [
        (SCORES, (A,), "abc", ["(2, 3)", "1 lines", "3"]),
        (SCORES, (A, B), "ab", ["(2, 3)", "2 lines", "2;"]),
        (SCORES.T, (A, B), "abc", ["(3, 2)"]),
        (SCORES, (A, A), "abc", ["p.txt", f"'{A}' twice"]),
        (SCORES, (A, B), "aba", ["c.txt", "'a' twice"]),
        (SCORES, (A, "1.png"), "abc", ["p.txt", "'1.png' is no image"]),
        (SCORES, (A, B), "abx", ["1 classes", "'x'", "unknown_classes"]),
        (SCORES[0], (A, B), "abc", ["no (images, classes) array"]),
        (SCORES > 0, (A, B), "abc", ["no (images, classes) array"]),
        (SCORES * 1j, (A, B), "abc", ["no (images, classes) array"]),
        (np.array([["a", "b", "c"]]), (A,), "abc", ["no (images, classes) array"]),
        (np.array([[1, {}, 2]], object), (A,), "abc", ["pickled objects are never loaded"]),
        (np.array([[1, 2, 3], [1, np.nan, 3]]), (A, B), "abc", ["row 2 ", "no finite"]),
        (np.array([[1, 2, -np.inf], [1, 2, 3]]), (A, B), "abc", ["row 1 ", "no finite"]),
        (np.array([[1, 2, 1e39], [1, 2, 3]]), (A, B), "abc", ["row 1 ", "no finite"]),
    ],
)
def test_a_wrong_array_is_refused_in_one_sentence(
    load_array: Load, array: object, paths: Sequence[str], classes: str, words: list[str]
) -> None:
    told = refusal(load_array, array, paths, classes)
    for word in words:
        assert word in told


def test_a_score_that_is_wrong_is_refused_even_where_its_class_is_dropped(
    load_array: Load,
) -> None:
    array = np.array([[1, np.nan, 3]])
    assert "no finite" in refusal(load_array, array, (A,), "axb", unknown_classes="drop")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array", b"PK\3\4"])
def test_a_file_that_is_no_array_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    for name in ("p.txt", "c.txt"):
        (tmp_path / name).write_text("a")
    files = PredictionsFile("x", *(tmp_path / name for name in ("a.npy", "p.txt", "c.txt")))
    told = refusal(read_predictions, files, of())
    assert "a.npy" in told


def test_an_archive_of_arrays_is_refused(tmp_path: Path, load_array: Load) -> None:
    stream = io.BytesIO()
    np.savez(stream, a=SCORES)
    (tmp_path / "z.npy").write_bytes(stream.getvalue())
    files = PredictionsFile("x", tmp_path / "z.npy", tmp_path / "z.npy", tmp_path / "z.npy")
    assert "z.npy cannot be read" in refusal(read_predictions, files, of())


# --- properties ---------------------------------------------------------------------------------

rows_of_cells = st.dictionaries(
    st.tuples(st.sampled_from(PATHS), st.sampled_from("abcdefgh")),
    st.sampled_from([0.0, 0.5, 1.0, -3.0]) | st.floats(-(2.0**99), 2.0**99, width=32),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(rows_of_cells, st.data(), st.sampled_from(["other", "drop"]))
def test_the_order_of_rows_and_the_kind_of_file_do_not_matter(
    cells: dict[tuple[str, str], float], drawn: st.DataObject, mode: str
) -> None:
    rows = [(path, label, score) for (path, label), score in cells.items()]
    dataset = of(classes="abcdefgh" if mode == "drop" else "ab")
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name in ("a.csv", "b.csv", "c.parquet"):
            write_rows(Path(folder, name), drawn.draw(st.permutations(rows)))
            file = PredictionsFile("x", Path(folder, name), unknown_classes=mode)
            try:
                found.append(read_predictions(file, dataset))
            except DatasetError as error:
                assert "knows 0" in str(error)  # noqa: PT017
                return
    for other in found[1:]:
        assert other.vocabulary == found[0].vocabulary
        np.testing.assert_array_equal(other.top, found[0].top)
        np.testing.assert_array_equal(other.scores, found[0].scores)
    place = {label: word for word, label in enumerate(found[0].vocabulary)}
    for image, path in enumerate(dataset.paths):
        own = [(-score, place[label]) for p, label, score in rows if p == path and label in place]
        expected = [word for _, word in sorted(own)][:K]
        assert found[0].top[image, : len(expected)].tolist() == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_an_array_and_its_rows_are_ranked_alike(images: int, classes: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 4, (images, classes)).astype(np.float32)
    image, word = (index.reshape(-1) for index in np.indices(scores.shape))
    top, values = rank(image, word, scores.reshape(-1).astype(np.float64), images)
    found, best = best_columns(scores.copy())
    width = min(K, classes)
    np.testing.assert_array_equal(found, top[:, :width])
    np.testing.assert_array_equal(best, values[:, :width])
    assert (top[:, width:] == -1).all()


# --- real scores --------------------------------------------------------------------------------


def test_mobilenet_on_imagenet_samples_is_as_accurate_as_a_plain_count(tmp_path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at {SHARED}")
    with ZipFile(SHARED / "imagenet_samples_dev.zip") as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        ids = archive.read(names["ids.txt"]).decode().split()
        scores = np.load(io.BytesIO(archive.read(names["mobilenet_v2_1.0_224_quant_scores.npy"])))
    with ZipFile(SHARED / "imagenet_classes_dev.zip") as archive:
        text = archive.read("imagenet_classes/imagenet_classes.csv").decode()
    wnids = [row["wnid"] for row in csv.DictReader(text.splitlines())]
    (tmp_path / "val").mkdir()
    for name in ids:
        (tmp_path / "val" / name).touch()
    labels = [name.partition("_")[0] for name in ids]
    pairs = [f"val/{name},{label}" for name, label in zip(ids, labels, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *pairs]))
    (tmp_path / "classes.csv").write_text("\n".join(["class", *wnids]))
    (tmp_path / "classes.txt").write_text("\n".join(wnids))
    (tmp_path / "ids.txt").write_text("\n".join(f"val/{name}" for name in ids))
    np.save(tmp_path / "scores.npy", scores)
    (tmp_path / "dataset.toml").write_text(
        '[splits.val]\nimages = "val"\nlabels = "labels.csv"\n[classes]\ntable = "classes.csv"\n'
        '[[predictions]]\nname = "mobilenet"\ntable = "scores.npy"\npaths = "ids.txt"\n'
        'classes = "classes.txt"\n'
    )
    dataset = read_dataset(tmp_path)
    found = read_predictions(dataset.predictions[0], dataset)
    hit = found.top == dataset.label_index[:, None]
    right = np.array([wnids.index(label) for label in labels])
    best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    plain = best == right[:, None]
    assert (int(hit[:, 0].sum()), int(hit.sum())) == (int(plain[:, 0].sum()), int(plain.sum()))
    assert (int(hit[:, 0].sum()), int(hit.sum())) == (228, 246)
