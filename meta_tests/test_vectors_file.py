"""The user's own vectors as an embedder."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import Evil, one_sentence

from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.vectors_file import load_vectors_file
from labelgate.fixtures.errors import EmbedderError

PATHS = ("a/1.jpg", "a/2.jpg", "b/1.jpg")
ALL = np.arange(3)


def vectors(rows: int = 3, dimensions: int = 4, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, dimensions)).astype(dtype)


def read_all(file: Path, paths: tuple[str, ...] = PATHS, images: np.ndarray = ALL) -> np.ndarray:
    own = load_vectors_file(f"file:{file}")
    rows = own.rows(paths, images)
    result = np.zeros((len(rows), own.dimensions), np.float16)
    for places, found in own.read(rows):
        result[places] = found
    return result


def unit(array: np.ndarray) -> np.ndarray:
    return array / np.linalg.norm(array.astype("f8"), axis=1, keepdims=True)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_own_vectors_are_scaled_to_unit_length(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "emb.npy", vectors(dtype=dtype))
    found = read_all(tmp_path / "emb.npy")
    np.testing.assert_allclose(found, unit(vectors(dtype=dtype)), atol=1e-3)


def test_a_list_of_paths_says_whose_the_rows_are(tmp_path: Path) -> None:
    np.save(tmp_path / "emb.npy", vectors(4))
    (tmp_path / "emb.txt").write_text("b/1.jpg\na/2.jpg\nnot in the dataset.jpg\na/1.jpg\n")
    found = read_all(tmp_path / "emb.npy")
    np.testing.assert_allclose(found, unit(vectors(4))[[3, 1, 0]], atol=1e-3)


def test_rows_of_images_without_pixels_are_not_looked_at(tmp_path: Path) -> None:
    array = vectors()
    array[1] = np.nan
    np.save(tmp_path / "emb.npy", array)
    assert read_all(tmp_path / "emb.npy", images=np.array([0, 2])).shape == (2, 4)


@settings(max_examples=30, deadline=None)
@given(st.floats(-300, 300))
def test_vectors_of_any_length_become_unit_vectors(exponent: float) -> None:
    from labelgate.fixtures.embedders.vectors_file import VectorsFile

    own = VectorsFile("file:x", vectors(dtype="f8") * 10**exponent, Path("x"), None)
    ((_, found),) = own.read(ALL)
    np.testing.assert_allclose(found, unit(vectors()), atol=1e-3)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (vectors(2), "has 2 rows, the dataset 3 images"),
        (vectors(4), "has 4 rows"),
        (np.vstack([vectors(2), np.full((1, 4), np.nan)]), "Row 2 .* not finite"),
        (np.vstack([vectors(2), [[1, np.inf, 0, 0]]]), "not finite"),
        (np.vstack([np.zeros((1, 4)), vectors(2)]), "Row 0 .* is zero"),
        (vectors().ravel(), r"shape \(12,\)"),
        (vectors()[None], r"shape \(1, 3, 4\)"),
        (vectors(3, 0), r"shape \(3, 0\)"),
        (np.ones((3, 4), np.int64), "type int64"),
        (np.ones((3, 4), np.complex64), "type complex64"),
        (np.array([["a", "b"]] * 3), "type <U1"),
    ],
)
def test_vectors_that_do_not_fit_are_one_sentence(
    tmp_path: Path, array: np.ndarray, told: str
) -> None:
    np.save(tmp_path / "emb.npy", array)
    with pytest.raises(EmbedderError, match=told) as error:
        read_all(tmp_path / "emb.npy")
    assert one_sentence(error.value)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("a/1.jpg\na/2.jpg\n", "names 2 paths, 'emb.npy' has 3 rows"),
        ("a/1.jpg\na/2.jpg\na/2.jpg\n", "'a/2.jpg' twice"),
        ("a/1.jpg\na/2.jpg\nc/1.jpg\n", "no row for 1 of 3 images, the first of them 'b/1.jpg'"),
        ("a/1.jpg\na/2.jpg\nb/\xff.jpg\n", "must be UTF-8"),
    ],
)
def test_a_list_of_paths_that_does_not_fit_is_one_sentence(
    tmp_path: Path, listed: str, told: str
) -> None:
    np.save(tmp_path / "emb.npy", vectors())
    (tmp_path / "emb.txt").write_bytes(listed.encode("latin-1"))
    with pytest.raises(EmbedderError, match=told) as error:
        read_all(tmp_path / "emb.npy")
    assert one_sentence(error.value)


def test_files_that_are_no_arrays_are_one_sentence(tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    np.save(tmp_path / "objects.npy", np.array([[Evil(trace)]], object), allow_pickle=True)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Evil(trace)))
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "archive", vectors())
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    np.save(tmp_path / "cut.npy", vectors(1000))
    data = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(data[:500])
    (tmp_path / "zip.npy").write_bytes(b"PK\x03\x04 and no archive")
    for name in ("objects", "pickle", "empty", "archive", "cut", "zip"):
        with pytest.raises(EmbedderError) as error:
            load_embedder(f"file:{tmp_path}/{name}.npy", "cpu")
        assert one_sentence(error.value), name
    assert not trace.exists()


def test_the_identity_of_own_vectors_covers_their_order(tmp_path: Path) -> None:
    np.save(tmp_path / "emb.npy", vectors())
    alone = load_vectors_file(f"file:{tmp_path}/emb.npy").sha256
    (tmp_path / "emb.txt").write_text("\n".join(PATHS))
    listed = load_vectors_file(f"file:{tmp_path}/emb.npy").sha256
    (tmp_path / "emb.txt").write_text("\n".join(reversed(PATHS)))
    assert len({alone, listed, load_vectors_file(f"file:{tmp_path}/emb.npy").sha256}) == 3
