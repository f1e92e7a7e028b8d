"""Proposed pairs: the nearest others within tau, against a full table of cosines; stored once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures import neighbor_table as module
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.decode_pass import Pixels
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.neighbors import nearest_others
from labelgate.fixtures.pictures import Pictures
from labelgate.fixtures.proposals import K, Proposals, find_proposals
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import Store, Table, open_store

LayOut = Callable[[dict[str, int]], tuple[Dataset, Pixels, Pictures]]

SCENE = {
    **{f"train/cat/{i}": i for i in range(9)},
    **{"train/cat/3 again": 3, "train/dog/3": 3, "train/dog/broken": -1},
    **{f"val/cat/{i}": i for i in range(6, 14)},
    **{f"test/{i}": i for i in range(12, 16)},
}


def silent(title: str, total: int | None) -> Any:  # noqa: ANN401
    return nullcontext(lambda done: None)


def embed(scene: dict[str, int], dataset: Dataset, seed: int = 0, d: int = 4) -> Embeddings:
    vectors = np.random.default_rng(seed).normal(size=(1 + max(scene.values()), d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    row = np.array([scene[path] for path in dataset.paths])
    return Embeddings(vectors.astype(np.float16), row, "by hand", f"sha of {seed}", 0, 0.0)


@pytest.fixture
def asked(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, None, None, tmp_path, 0, False, device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


Find = Callable[..., tuple[Proposals, Pictures, Embeddings]]


@pytest.fixture
def find(lay_out: LayOut, asked: Settings, store: Store) -> Find:
    def run(
        scene: dict[str, int], *, seed: int = 0, rows: dict[str, int] | None = None
    ) -> tuple[Proposals, Pictures, Embeddings]:
        dataset, pixels, pictures = lay_out(scene)
        embeddings = embed(rows or scene, dataset, seed)
        found = find_proposals(dataset, pixels, pictures, embeddings, store, asked, silent)
        return found, pictures, embeddings

    return run


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    search = module.nearest_others

    def counted(vectors: NDArray[np.float16], *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        made.append(len(rest[0]))
        return search(vectors, *rest, **named)

    monkeypatch.setattr(module, "nearest_others", counted)
    return made


def with_views(found: Embeddings, views: dict[int, list[float]]) -> Embeddings:
    """Gives each picture one view: its own vector, but for some."""
    further = found.vectors.copy()
    for row, view in views.items():
        further[row] = np.array(view) / np.linalg.norm(view)
    return replace(found, with_views=np.stack([found.vectors, further], 1))


def slowly(pictures: Pictures, embeddings: Embeddings, tau: float) -> dict[tuple[int, int], float]:
    """The pairs by a full table: each picture's K nearest of each split, if within tau."""
    standing = sorted(set(zip(pictures.split.tolist(), pictures.identity.tolist(), strict=True)))
    vectors = embeddings.vectors.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = {}
    for own in pictures.distinct().tolist():
        for split in {split for split, _ in standing}:
            others = [p for s, p in standing if s == split and p != own]
            cosine = vectors[embeddings.row[others]] @ vectors[embeddings.row[own]]
            for n in np.argsort(-cosine, kind="stable")[:K]:
                if cosine[n] >= 1 - tau:
                    found[min(own, others[n]), max(own, others[n])] = float(cosine[n])
    return found


@settings(deadline=None, max_examples=25)
@given(
    scene=st.dictionaries(
        st.tuples(st.sampled_from(("train/a", "val/a", "val/b", "test")), st.integers(0, 9)),
        st.integers(-1, 12),
        min_size=2,
    ),
    tau=st.floats(0, 2),
    seed=st.integers(0, 3),
)
def test_pairs_are_those_of_a_full_table_of_cosines(
    lay_out: LayOut,
    tmp_path_factory: pytest.TempPathFactory,
    scene: dict[tuple[str, int], int],
    tau: float,
    seed: int,
) -> None:
    images = {f"{folder}/{name}": number for (folder, name), number in scene.items()}
    if max(images.values()) < 0:
        return
    dataset, pixels, pictures = lay_out(images)
    embeddings = embed(images, dataset, seed)
    folder = tmp_path_factory.getbasetemp() / "shared"
    given = Settings(folder, folder, None, None, folder, 0, False, device="cpu")
    found = find_proposals(dataset, pixels, pictures, embeddings, open_store(folder), given, silent)
    pairs, similarity = found.pairs(pictures, tau)
    expected = slowly(pictures, embeddings, tau)
    assert list(map(tuple, pairs.tolist())) == sorted(expected)
    assert similarity.tolist() == pytest.approx([expected[p] for p in sorted(expected)], abs=1e-6)


def test_a_pair_just_within_tau_is_proposed_and_one_just_beyond_is_not(find: Find) -> None:
    found, pictures, _ = find({"train/a/1": 0, "val/a/1": 1})
    (similarity,) = found.pairs(pictures, 2.0)[1].tolist()
    for difference, pairs in ((-1e-6, 0), (0, 1), (1e-6, 1)):
        assert len(found.pairs(pictures, 1 - similarity + difference)[0]) == pairs


@pytest.mark.parametrize("tau", [0.0, 0.4, 1.0, 2.0])
def test_there_are_never_more_pairs_than_proposals_and_a_picture_alone_has_none(
    find: Find, tau: float
) -> None:
    found, pictures, _ = find(SCENE)
    near = [c for c, i in zip(found.similarity.flat, found.index.flat, strict=True) if i >= 0]
    assert found.within(tau) == sum(c >= np.float32(1 - tau) for c in near)
    assert len(found.pairs(pictures, tau)[0]) <= found.within(tau)
    assert find({"train/a/1": 0})[0].within(2.0) == 0


def test_a_busy_split_does_not_hide_a_partner_in_another(find: Find) -> None:
    crowd = {f"train/a/{i}": i for i in range(60)}
    found, pictures, _ = find(crowd | {"val/a/1": 60})
    pairs = found.pairs(pictures, 2.0)[0]
    lone = int(np.flatnonzero(pictures.split == 1)[0])
    partners = {int(p) for pair in pairs for p in pair if pictures.identity[lone] in pair}
    assert len(partners) == 61  # itself, and every picture of train: it is the only one in val


def test_pictures_without_a_vector_are_in_no_pair(lay_out: LayOut, find: Find) -> None:
    rows = {path: -1 if path == "train/cat/5" else number for path, number in SCENE.items()}
    found, pictures, _ = find(SCENE, rows=rows)
    without = lay_out(SCENE)[0].index_of["train/cat/5"]
    assert without in pictures.distinct()
    assert without not in found.pairs(pictures, 2.0)[0]


def test_of_pictures_without_any_vector_there_are_no_pairs(find: Find) -> None:
    found, pictures, _ = find({"train/a/1": -1, "val/a/1": -1}, rows={"train/a/1": 0, "val/a/1": 0})
    assert found.pairs(pictures, 2.0)[0].shape == (0, 2)


def test_copies_are_one_picture_and_hide_no_neighbour(find: Find) -> None:
    many = {f"train/a/{i:05}": 0 for i in range(3_000)}
    found, pictures, _ = find(many | {"train/b/other": 1, "val/a/copy": 0})
    assert len(found.image) == 3
    assert len(found.pairs(pictures, 2.0)[0]) == 1


def same(a: Proposals, b: Proposals) -> bool:
    return np.array_equal(a.index, b.index) and np.array_equal(a.similarity, b.similarity)


def test_neighbours_that_are_stored_are_not_sought_again(find: Find, searches: list[int]) -> None:
    first, second = find(SCENE)[0], find(SCENE)[0]
    assert same(first, second)
    assert searches == [len(first.image)]


def test_other_labels_of_the_same_pictures_cost_nothing(find: Find, searches: list[int]) -> None:
    renamed = {path.replace("/cat/", "/dog/0"): number for path, number in SCENE.items()}
    kept = {p: n for p, n in SCENE.items() if "dog" not in p}
    moved = {p: n for p, n in renamed.items() if "dog/0" in p or p.startswith("test")}
    find(kept)
    find(moved)
    assert len(searches) == 1


@pytest.mark.parametrize("change", ["picture", "split", "embedder", "added", "removed"])
def test_what_neighbours_depend_on_makes_them_be_sought_again(
    find: Find, searches: list[int], change: str
) -> None:
    find(SCENE)
    other, seed = dict(SCENE), 0
    if change == "picture":
        other["train/cat/1"] = 15
    elif change == "split":
        other["val/cat/1"] = other.pop("train/cat/1")
    elif change == "embedder":
        seed = 1
    elif change == "added":
        other["val/cat/new"] = 15
    else:
        del other["val/cat/9"]
    find(other, seed=seed)
    assert len(searches) == 2


def test_vectors_of_another_precision_have_neighbours_of_their_own(
    find: Find, searches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    find(SCENE)
    monkeypatch.setattr(module, "precision", lambda device: "bfloat16", raising=False)
    find(SCENE)
    assert len(searches) == 2


def test_what_two_runs_stored_at_once_is_read_and_never_sought_again(
    find: Find, searches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Table.append

    def twice(table: Table, rows: Any) -> None:  # noqa: ANN401
        append(table, rows)
        append(table, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Table, "append", twice)
        first = find(SCENE)[0]
    assert same(find(SCENE)[0], first)
    assert len(searches) == 1


def test_one_run_at_a_time_seeks_neighbours(
    find: Find, searches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    search, lock = module.nearest_others, Store.lock

    @contextmanager
    def watched(store: Store, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        with lock(store, name, waiting):
            held.append(True)
            yield
            held.pop()

    def checked(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        assert held
        return search(*given, **named)

    monkeypatch.setattr(Store, "lock", watched)
    monkeypatch.setattr(module, "nearest_others", checked)
    find(SCENE)
    assert len(searches) == 1


# --- views --------------------------------------------------------------------------------------

CROWD = {f"train/a/{i}": i for i in range(40)} | {"val/a/crop": 40}


@pytest.fixture
def seek(lay_out: LayOut, asked: Settings, store: Store) -> Callable[..., Any]:
    """Proposals of a crowd where a view of picture 7 shows what the picture in val shows."""

    def run(of: int = 7, nearness: float = 1.0) -> tuple[set[tuple[str, str]], Proposals]:
        dataset, pixels, pictures = lay_out(CROWD)
        plain = embed(CROWD, dataset, d=16)
        view = plain.vectors[40].astype(float) * nearness + plain.vectors[of] * (1 - nearness)
        given = with_views(plain, {of: view.tolist()})
        found = find_proposals(dataset, pixels, pictures, given, store, asked, silent)
        pairs = found.pairs(pictures, 0.01)[0].tolist()
        return {(dataset.paths[a], dataset.paths[b]) for a, b in pairs}, found

    return run


def test_a_crop_is_proposed_by_a_view_of_its_original(seek: Callable[..., Any]) -> None:
    assert seek()[0] == {("train/a/7", "val/a/crop")}


def test_a_view_beyond_tau_proposes_nothing(seek: Callable[..., Any]) -> None:
    assert seek(nearness=0.5)[0] == set()


def test_views_add_one_other_a_split_and_keep_the_nearest_of_the_whole(
    seek: Callable[..., Any], find: Find, lay_out: LayOut
) -> None:
    dataset, _, pictures = lay_out(CROWD)
    alone = embed(CROWD, dataset, d=16)
    items = alone.row[pictures.image], pictures.identity, pictures.split.astype(np.int64)
    kept = nearest_others(alone.vectors, *items, 2, K, "cpu")
    found = seek()[1]
    assert found.index.shape == (41, 2, K + 1)
    assert np.array_equal(found.index[..., :K], kept.index)


def test_what_views_found_is_stored(seek: Callable[..., Any], searches: list[int]) -> None:
    first, second = seek()[1], seek()[1]
    assert same(first, second)
    assert len(searches) == 2  # once by the whole, once by views


def test_a_pair_has_the_largest_similarity_it_was_proposed_by(lay_out: LayOut) -> None:
    _, _, pictures = lay_out({"train/a/1": 0, "val/a/1": 1})
    index = np.array([[[-1, -1], [1, 1]], [[0, 0], [-1, -1]]])
    near = np.array([[[-9, -9], [0.5, 0.9]], [[0.5, 0.4], [-9, -9]]], np.float32)
    found = Proposals(np.array([0, 1]), np.array([0, 1], np.int16), index, near)
    assert found.pairs(pictures, 1.0)[1].tolist() == [np.float32(0.9)]
