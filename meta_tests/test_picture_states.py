"""What was found in one state of a dataset is brought up to date in the next, where it is known."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures import neighbor_table as module
from labelgate.fixtures import neighbor_updates
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.picture_states import longest_ascent
from labelgate.fixtures.proposals import Proposals, find_proposals
from labelgate.fixtures.settings import LOCAL, Engine, Settings
from labelgate.fixtures.store import open_store

LayOut = Callable[[dict[str, int]], Any]
Scene = dict[str, int]

CROWD = {f"train/a/{i:02}": i for i in range(40)} | {f"val/a/{i}": 40 + i for i in range(9)}
ADDED = CROWD | {"train/a/20b": 50, "val/a/8b": 51}
REMOVED = {path: number for path, number in CROWD.items() if path != "train/a/07"}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=9))
def test_the_longest_ascent_ascends_and_none_is_longer(numbers: list[int]) -> None:
    chosen = longest_ascent(np.array(numbers, np.int64))
    assert (np.diff(np.array(numbers)[chosen]) > 0).all()
    longest = max(
        n
        for n in range(len(numbers) + 1)
        if any(all(a < b for a, b in pairwise(c)) for c in combinations(numbers, n))
    )
    assert np.count_nonzero(chosen) == longest


def silent(title: str, total: int | None) -> Any:  # noqa: ANN401
    return nullcontext(lambda done: None)


def same(a: Proposals, b: Proposals) -> bool:
    return np.array_equal(a.index, b.index) and np.array_equal(a.similarity, b.similarity)


def find(
    lay_out: LayOut,
    scene: Scene,
    folder: Path,
    *,
    coarse: bool = False,
    views: bool = False,
    turned: int | None = None,
    engine: Engine = LOCAL,
    table: str = "",
) -> Proposals:
    dataset, pixels, pictures = lay_out(scene)
    vectors = np.random.default_rng(0).normal(size=(60, 4))
    vectors = np.sign(vectors) if coarse else vectors
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if turned is not None:
        vectors[turned] *= -1
    whole = vectors.astype(np.float16)
    row = np.array([scene[path] for path in dataset.paths])
    seen = np.stack([whole, np.roll(whole, 1, axis=0)], 1) if views else None
    made = Embeddings(whole, row, "by hand", "sha", 0, 0.0, seen, table)
    asked = Settings(folder, folder, None, None, folder, 0, False, device="cpu", engine=engine)
    return find_proposals(dataset, pixels, pictures, made, open_store(folder), asked, silent)


scenes = st.dictionaries(
    st.tuples(st.sampled_from(("train/a", "train/b", "val/a")), st.integers(0, 15)),
    st.integers(-1, 30),
    min_size=1,
)


@settings(deadline=None, max_examples=40)
@given(st.lists(scenes, min_size=2, max_size=4), st.booleans(), st.booleans())
def test_whatever_changes_between_runs_the_answer_is_that_of_an_empty_store(
    lay_out: LayOut,
    tmp_path_factory: pytest.TempPathFactory,
    given_scenes: list[dict[tuple[str, int], int]],
    coarse: bool,
    views: bool,
) -> None:
    folder = tmp_path_factory.mktemp("states")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbor_updates, "WORTH", 0)
        together: dict[tuple[str, int], int] = {}
        for number, scene in enumerate(given_scenes):
            together = {**together, **scene} if number % 2 else scene
            images = {f"{where}/{name}": i for (where, name), i in together.items()}
            how = partial(find, lay_out, images, coarse=coarse, views=views)
            assert same(how(folder / "one store"), how(folder / f"{number}"))


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures were known when a search began; -1 where none was asked for them."""
    told: list[int] = []
    search = module.nearest_others

    def watched(*items: Any, known: Any, **named: Any) -> Any:  # noqa: ANN401
        told.append(-1 if known is None else int(known.kept.sum()))
        return search(*items, known=known, **named)

    monkeypatch.setattr(module, "nearest_others", watched)
    return told


@pytest.mark.parametrize(
    ("scene", "kept"),
    [
        (ADDED, 49),
        (REMOVED, 48),
        (CROWD | {"train/a/07": 52}, 48),  # another picture under the same name
        ({path.replace("train/a/00", "train/a/9"): i for path, i in CROWD.items()}, 48),  # moved
        ({path.replace("/a/", "/b/"): i for path, i in ADDED.items()}, 49),  # of another class
        ({path.replace("val", "zoo"): i for path, i in ADDED.items()}, 49),  # names are no part
    ],
)
def test_a_search_begins_with_what_stayed(
    lay_out: LayOut, tmp_path: Path, begun: list[int], scene: Scene, kept: int
) -> None:
    find(lay_out, CROWD, tmp_path)
    found = find(lay_out, scene, tmp_path)
    assert begun == [-1, kept]
    assert same(found, find(lay_out, scene, tmp_path / "other"))


def test_another_vector_of_the_same_picture_is_not_taken_for_known(
    lay_out: LayOut, tmp_path: Path, begun: list[int]
) -> None:
    find(lay_out, CROWD, tmp_path)
    found = find(lay_out, ADDED, tmp_path, turned=5)
    assert begun == [-1, 48]
    assert same(found, find(lay_out, ADDED, tmp_path / "other", turned=5))


def test_vectors_of_another_precision_have_states_of_their_own(
    lay_out: LayOut, tmp_path: Path, begun: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    find(lay_out, CROWD, tmp_path, table="float32")
    monkeypatch.setattr(module, "precision", lambda device: "bfloat16")
    for scene in (CROWD, ADDED):
        find(lay_out, scene, tmp_path, coarse=True, table="bfloat16")
    assert begun == [-1, -1, 49]


def test_of_several_states_the_one_most_alike_is_begun_with(
    lay_out: LayOut, tmp_path: Path, begun: list[int]
) -> None:
    half = {path: number for path, number in CROWD.items() if number % 2}
    for scene in (CROWD, half, {"train/a/x": 55, "val/a/x": 56}):
        find(lay_out, scene, tmp_path)
    find(lay_out, ADDED, tmp_path)
    assert begun[-1] == 49


def parts(folder: Path, table: str) -> Iterator[Path]:
    return folder.glob(f"v1/{table}-*/part-*.parquet")


@pytest.mark.parametrize("table", ["states", "standing", "neighbors"])
@pytest.mark.parametrize("damage", [b"PAR1 half a part", None])
def test_without_any_part_of_what_is_known_a_search_begins_with_nothing(
    lay_out: LayOut, tmp_path: Path, begun: list[int], table: str, damage: bytes | None
) -> None:
    find(lay_out, CROWD, tmp_path)
    for part in parts(tmp_path, table):
        part.unlink() if damage is None else part.write_bytes(damage)
    found = find(lay_out, ADDED, tmp_path)
    assert begun == [-1, -1]
    assert same(found, find(lay_out, ADDED, tmp_path / "other"))


def test_neighbours_of_an_older_version_are_read_and_begun_with(
    lay_out: LayOut, tmp_path: Path, begun: list[int]
) -> None:
    find(lay_out, CROWD, tmp_path)
    for table in ("states", "standing"):
        for part in parts(tmp_path, table):
            part.unlink()
    find(lay_out, CROWD, tmp_path)  # as every run does, before a picture is added
    find(lay_out, ADDED, tmp_path)
    assert begun == [-1, 49]


def test_on_a_cluster_what_is_known_is_brought_up_to_date_here(
    lay_out: LayOut, tmp_path: Path, begun: list[int]
) -> None:
    find(lay_out, CROWD, tmp_path)
    found = find(lay_out, ADDED, tmp_path, engine=Engine("ray"))
    assert begun == [-1, 49]
    assert same(found, find(lay_out, ADDED, tmp_path / "other"))
