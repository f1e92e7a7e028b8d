"""Neighbours: those of a plain double loop, on every path, in every order, with every tie."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures import (
    neighbor_index,
    neighbor_pool,
    neighbor_proposals,
    neighbor_search,
    neighbors,
)
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.neighbor_pool import Pool
from labelgate.fixtures.neighbor_proposals import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    Precision,
    Questions,
    propose,
)
from labelgate.fixtures.neighbors import Neighbors, nearest_others

Vectors = NDArray[np.float16]

each_precision = pytest.mark.parametrize(
    "precision", [BFLOAT16, FLOAT16, FLOAT32], ids=lambda precision: precision.dtype
)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    length = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float16)


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    length = np.sqrt((a @ a) * (b @ b))
    return min(1.0, float(a @ b / length)) if length else 0.0


def plain(
    vectors: Vectors,
    rows: NDArray[np.int64],
    identity: NDArray[np.int64],
    segment: NDArray[np.int64],
    segments: int,
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What a double loop finds."""
    numbers, total = vectors.astype(np.float64), len(rows)
    index = np.full((total, segments, k), -1)
    similarity = np.full(index.shape, -np.inf, np.float32)
    for item in range(total):
        for s in range(segments):
            others: dict[int, tuple[float, int]] = {}
            for other in range(total):
                if segment[other] == s and identity[other] != identity[item]:
                    near = cosine(numbers[rows[item]], numbers[rows[other]])
                    others.setdefault(int(identity[other]), (-near, other))
            for place, (distance, other) in enumerate(sorted(others.values())[:k]):
                index[item, s, place], similarity[item, s, place] = other, -distance
    return index, similarity


def search(vectors: Vectors, k: int = 5, **options: object) -> Neighbors:
    """All items in one segment, each a picture of its own."""
    items = np.arange(len(vectors))
    return nearest_others(vectors, items, items, items * 0, 1, k, "cpu", **options)  # type: ignore[arg-type]


def clustered(total: int, dimensions: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, total // 8), dimensions))
    spread = rng.choice([0.01, 0.3], (total, 1)) * rng.standard_normal((total, dimensions))
    return unit(centres[rng.integers(0, len(centres), total)] + spread)


# --- against a double loop ----------------------------------------------------------------------


@st.composite
def tasks(draw: st.DrawFn) -> tuple[Vectors, NDArray[np.int64], NDArray[np.int64], int, int]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    total, dimensions = draw(st.integers(0, 30)), draw(st.integers(1, 12))
    distinct = draw(st.integers(1, 25))
    coarse = draw(st.booleans())  # many ties and zeros, or none
    shape = distinct, dimensions
    vectors = rng.integers(-1, 2, shape) if coarse else rng.standard_normal(shape)
    segments = draw(st.integers(1, 4))
    segment = rng.integers(0, segments, total)
    return unit(vectors), rng.integers(0, distinct, total), segment, segments, draw(
        st.integers(1, 7)
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(tasks())
def test_neighbours_are_those_of_a_double_loop(
    task: tuple[Vectors, NDArray[np.int64], NDArray[np.int64], int, int],
) -> None:
    vectors, rows, segment, segments, k = task
    found = nearest_others(vectors, rows, rows + 7, segment, segments, k, "cpu")
    index, similarity = plain(vectors, rows, rows + 7, segment, segments, k)
    np.testing.assert_array_equal(found.index, index)
    np.testing.assert_array_equal(found.similarity, similarity)


@pytest.mark.parametrize("total", [0, 1, 2])
def test_there_may_be_nobody_or_one_other(total: int) -> None:
    found = search(unit(np.eye(2, 4)[:total]), k=3)
    assert found.index.shape == (total, 1, 3)
    assert found.index[:, 0, 0].tolist() == {0: [], 1: [-1], 2: [1, 0]}[total]
    assert (found.index[:, 0, 1:] == -1).all()
    assert (found.similarity[found.index < 0] == -np.inf).all()


def test_an_empty_segment_has_no_neighbours() -> None:
    items = np.arange(3)
    found = nearest_others(unit(np.eye(3)), items, items, items * 0 + 2, 4, 2, "cpu")
    assert (found.index[:, [0, 1, 3]] == -1).all()
    assert found.index[:, 2].tolist() == [[1, 2], [0, 2], [0, 1]]


def test_copies_are_one_picture_and_hide_nobody() -> None:
    vectors = unit(np.array([[1, 0], [0.9, 0.1], [0, 1]]))
    identity = np.array([0] * 50 + [1, 2] + [0] * 50)
    segment = np.array([0] * 52 + [1] * 50)
    found = nearest_others(vectors, identity, identity, segment, 2, 3, "cpu")
    assert found.index[0].tolist() == [[50, 51, -1], [-1, -1, -1]]
    assert found.index[101].tolist() == found.index[0].tolist()
    assert found.index[50].tolist() == [[0, 51, -1], [52, -1, -1]]  # the first of each segment


def test_identical_vectors_are_told_apart_by_their_index() -> None:
    found = search(np.repeat(unit(np.ones((1, 40))), 300, axis=0), k=4)
    assert found.index[0, 0].tolist() == [1, 2, 3, 4]
    assert found.index[2, 0].tolist() == [0, 1, 3, 4]
    assert (found.index[4:, 0] == [0, 1, 2, 3]).all()
    assert (found.similarity == 1).all()
    assert found.repeated > 0


def test_the_length_of_a_vector_does_not_matter_and_zeros_are_at_right_angles() -> None:
    vectors = np.array([[1, 0], [0.5, 0], [0.25, 0.25], [0, 0]], np.float16)
    found = search(vectors, k=3)
    assert found.index[0, 0].tolist() == [1, 2, 3]
    np.testing.assert_allclose(found.similarity[0, 0], [1, 0.5**0.5, 0])
    assert (found.similarity[3, 0] == 0).all()


# --- the same answer however it is computed -----------------------------------------------------


@pytest.fixture(scope="module")
def answer() -> tuple[Vectors, Neighbors]:
    vectors = clustered(700, 24)
    return vectors, search(vectors)


@pytest.mark.parametrize("size", [1, 7, 64, 333])
def test_the_answer_does_not_depend_on_blocks(
    answer: tuple[Vectors, Neighbors], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, expected = answer
    blocks = neighbor_pool.Blocks(size + 3, 40 + size, 24 * size + 1)
    monkeypatch.setitem(neighbor_pool.BLOCKS, "cpu", blocks)
    monkeypatch.setitem(neighbors.AT_ONCE, "cpu", 100 + size)
    found = search(vectors)
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.similarity, expected.similarity)


@each_precision
def test_the_answer_does_not_depend_on_precision_or_threads(
    answer: tuple[Vectors, Neighbors], precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    vectors, expected = answer
    monkeypatch.setattr(neighbor_search, "first_precision", lambda device: precision)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = search(vectors)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.similarity, expected.similarity)


def test_queries_in_doubt_are_asked_again(
    answer: tuple[Vectors, Neighbors], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, expected = answer
    hasty = Precision("bfloat16", 2**-8, 1)
    monkeypatch.setattr(neighbor_search, "first_precision", lambda device: hasty)
    found = search(vectors)
    assert found.repeated > len(vectors) / 4
    np.testing.assert_array_equal(found.index, expected.index)


@each_precision
def test_no_proposal_is_further_off_than_its_error(precision: Precision) -> None:
    assert_within_error(clustered(300, 96, seed=3), "cpu", precision)


def assert_within_error(vectors: Vectors, device: str, precision: Precision) -> None:
    everything = np.arange(len(vectors))
    asked = Questions(everything, everything, everything, everything)
    proposed = propose(Pool(vectors, device), asked, 20, precision)
    exact = vectors.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    product = exact @ exact.T
    np.fill_diagonal(product, -np.inf)
    error = proposed.error.cpu().numpy()
    position, rounded = proposed.position.cpu().numpy(), proposed.similarity.double().cpu().numpy()
    off = np.abs(np.take_along_axis(product, position, 1) - rounded)
    assert (off <= error[:, None]).all()
    np.put_along_axis(product, position, -np.inf, 1)
    assert (product.max(1) <= proposed.dropped.cpu().numpy() + error).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 9), st.booleans())
def test_the_best_of_groups_are_the_best(seed: int, groups: int, kept: int, tied: bool) -> None:
    import torch

    rng = np.random.default_rng(seed)
    shape = 6, groups * neighbor_proposals.GROUP
    drawn = rng.integers(-1, 2, shape) if tied else rng.standard_normal(shape)
    product = torch.from_numpy(drawn).bfloat16()
    value, column = neighbor_proposals._best(product, kept)
    expected = product.topk(kept, 1).values
    assert torch.equal(value.sort(1, descending=True).values, expected)
    assert torch.equal(product.gather(1, column), value)
    assert all(len(set(row)) == kept for row in column.tolist())


def test_faiss_finds_the_same() -> None:
    import faiss

    vectors = clustered(2000, 64, seed=5)
    found = search(vectors)
    normalised = vectors.astype(np.float32)
    normalised /= np.linalg.norm(normalised, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(64)
    index.add(normalised)
    similarity, position = index.search(normalised, 6)
    own = position == np.arange(2000)[:, None]
    own[~own.any(1), -1] = True
    np.testing.assert_allclose(
        similarity[~own].reshape(2000, 5), found.similarity[:, 0], atol=2e-6
    )  # positions differ where similarities differ in the last bit


def test_mapped_vectors_are_read_as_they_are(
    answer: tuple[Vectors, Neighbors], tmp_path: Path
) -> None:
    vectors, expected = answer
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    np.testing.assert_array_equal(search(mapped).index, expected.index)


def test_apple_devices_leave_it_to_the_cpu() -> None:
    items = np.arange(3)
    found = nearest_others(unit(np.eye(3)), items, items, items * 0, 1, 1, "mps")
    assert found.index.ravel().tolist() == [1, 0, 0]


def test_the_path_of_a_gpu_gives_the_same_answer(
    answer: tuple[Vectors, Neighbors], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, expected = answer
    monkeypatch.setattr(neighbor_search, "Pool", lambda rows, device: Pool(rows, "cpu:0"))
    items = np.arange(len(vectors))
    others = np.concatenate([unit(np.ones((9, 24))), vectors])  # rows that no item has
    found = nearest_others(others, items + 9, items, items * 0, 1, 5, "cuda")
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.similarity, expected.similarity)


def test_a_gpu_gives_the_same_answer(answer: tuple[Vectors, Neighbors]) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here, so the search on a GPU was not checked")
    vectors, expected = answer
    items = np.arange(len(vectors))
    found = nearest_others(vectors, items, items, items * 0, 1, 5, "cuda")
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.similarity, expected.similarity)


def test_no_proposal_of_a_gpu_is_further_off_than_its_error() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here, so the error of its products was not checked")
    vectors = clustered(3000, 768, seed=3)
    for precision in (FLOAT16, FLOAT32):
        assert_within_error(vectors, "cuda", precision)


# --- memory that runs out -----------------------------------------------------------------------


class Short:
    """A device of little memory: products of more numbers than fit raise an error of torch."""

    def __init__(self, fits: int, monkeypatch: pytest.MonkeyPatch) -> None:
        import torch

        self.fits, self.refused, whole = fits, 0, neighbor_proposals.multiply

        def multiply(left: torch.Tensor, right: torch.Tensor, out: object = None) -> torch.Tensor:
            if len(left) * len(right) > self.fits:
                self.refused += 1
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return whole(left, right)

        monkeypatch.setattr(neighbor_proposals, "multiply", multiply)


def search_short(vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> tuple[Neighbors, list[Pool]]:
    """Seeks on the path of a GPU; returns the pools that were made as well."""
    pools: list[Pool] = []

    def make(rows: Vectors, device: str) -> Pool:
        pools.append(Pool(rows, f"cpu:{0 if device == 'cuda' else 1}"))
        return pools[0]

    monkeypatch.setattr(neighbor_search, "Pool", make)
    items = np.arange(len(vectors))
    return nearest_others(vectors, items, items, items * 0, 1, 5, "cuda"), pools


def test_blocks_become_smaller_when_memory_runs_out(
    answer: tuple[Vectors, Neighbors], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, expected = answer
    monkeypatch.setitem(neighbor_pool.BLOCKS, "cpu", neighbor_pool.Blocks(1024, 2**14, 2**12))
    device = Short(704 * 256, monkeypatch)
    found, (pool,) = search_short(vectors, monkeypatch)
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.similarity, expected.similarity)
    assert device.refused == 2, "what was found to be too large is not tried again"
    assert pool.blocks == neighbor_pool.Blocks(256, 2**12, 2**10)


def test_vectors_leave_a_device_before_the_search_gives_up(
    answer: tuple[Vectors, Neighbors], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, expected = answer
    monkeypatch.setattr(neighbor_pool, "LEAST", 64)
    monkeypatch.setitem(neighbor_pool.BLOCKS, "cpu", neighbor_pool.Blocks(64, 128, 2**12))
    device = Short(64 * 128, monkeypatch)
    found, (pool,) = search_short(vectors, monkeypatch)
    assert device.refused == 0
    device.fits = 0
    with pytest.raises(SettingsError, match=r"runs out of memory on cpu:0 with 64 candidates"):
        search_short(vectors, monkeypatch)
    assert device.refused == 4, "two sizes, with the vectors on the device and without"
    np.testing.assert_array_equal(found.index, expected.index)
    assert pool._resident is not None


def test_vectors_that_do_not_fit_go_to_the_device_block_by_block(
    answer: tuple[Vectors, Neighbors], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, expected = answer
    monkeypatch.setattr(neighbor_pool, "_moved", lambda rows, device: None)
    found, (pool,) = search_short(vectors, monkeypatch)
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.similarity, expected.similarity)
    assert pool._resident is None


def test_another_error_is_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(neighbor_proposals, "multiply", fail)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        search(clustered(30, 4))


def test_progress_counts_every_question() -> None:
    told: list[int] = []

    @contextmanager
    def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        told.append(-(total or 0))
        yield told.append

    given_progress: Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
    given_progress = progress
    items = np.arange(3)
    nearest_others(unit(np.eye(3)), items, items, items % 2, 2, 1, "cpu", progress=given_progress)
    assert told == [-6, 3, 3]


# --- an index on request ------------------------------------------------------------------------


def test_an_index_tells_its_recall_and_is_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbor_index, "VISITED", 1 / 4)
    monkeypatch.setattr(neighbors, "LEAST", 1000)
    vectors = clustered(3000, 32, seed=1)
    exact = search(vectors)
    found, again = search(vectors, index="ivf"), search(vectors, index="ivf")
    same = (found.index[:, 0, :, None] == exact.index[:, 0, None, :]).any(2).mean()
    assert exact.recall == 1
    assert 0.9 < found.recall < 1
    assert abs(found.recall - same) < 0.01
    np.testing.assert_array_equal(found.index, again.index)
    assert (found.index[:, 0] != np.arange(3000)[:, None]).all()


def test_an_index_is_not_built_for_few() -> None:
    vectors = clustered(200, 16)
    found = search(vectors, index="ivf")
    np.testing.assert_array_equal(found.index, search(vectors).index)
    assert found.recall == 1


# --- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vectors": np.eye(3, dtype=np.float32)}, "expected float16"),
        ({"vectors": np.ones(3, np.float16)}, "expected float16"),
        ({"vectors": np.full((3, 3), np.nan, np.float16)}, "vector 0 has the length nan"),
        ({"vectors": np.full((3, 3), np.inf, np.float16)}, "vector 0 has the length inf"),
        ({"vectors": np.full((3, 3), 2, np.float16)}, "vector 0 has the length 3.46"),
        ({"rows": np.array([0, 1, 3])}, "a row is not in 0 to 2"),
        ({"rows": np.array([0, 1, -1])}, "a row is not in 0 to 2"),
        ({"segment": np.array([0, 0, 1])}, "a segment is not in 0 to 0"),
        ({"identity": np.array([0, 1, 1])}, "several vectors"),
        ({"identity": np.array([0, 1])}, "items"),
        ({"k": 0}, "k = 0"),
    ],
)
def test_what_cannot_be_searched_is_refused(change: dict[str, object], told: str) -> None:
    items = np.arange(3)
    task: dict[str, object] = {
        "vectors": np.eye(3, dtype=np.float16), "rows": items, "identity": items,
        "segment": items * 0, "segments": 1, "k": 1, "device": "cpu",
    }  # fmt: skip
    with pytest.raises(ValueError, match=told):
        nearest_others(**(task | change))  # type: ignore[arg-type]


# --- views ask ----------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(tasks(), st.integers(1, 4), st.sampled_from((1, 2, 16_384)))
def test_the_nearest_to_views_is_that_of_a_double_loop(
    task: tuple[Vectors, NDArray[np.int64], NDArray[np.int64], int, int], views: int, at_once: int
) -> None:
    whole, rows, segment, segments, _ = task
    rng = np.random.default_rng(views)
    further = rng.integers(-1, 2, (len(whole) * views, whole.shape[1]))
    stored = np.concatenate([whole[:, None], unit(further).reshape(len(whole), views, -1)], 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(neighbors.AT_ONCE, "cpu", at_once)
        found = nearest_others(stored, rows, rows, segment, segments, 1, "cpu")
    numbers = stored.astype(np.float64)
    for item, s in np.ndindex(len(rows), segments):
        others = np.flatnonzero((segment == s) & (rows != rows[item]))
        asked = numbers[rows[item], 1:]
        near = [(-max(cosine(a, numbers[rows[o], 0]) for a in asked), int(o)) for o in others]
        distance, other = min(near, default=(np.inf, -1))
        assert found.index[item, s, 0] == other
        assert found.similarity[item, s, 0] == np.float32(-distance)


def test_views_ask_for_one_neighbour_only() -> None:
    stored, items = np.ones((3, 2, 1), np.float16), np.arange(3)
    with pytest.raises(ValueError, match="with views k is 1"):
        nearest_others(stored, items, items, items * 0, 1, 2, "cpu")
