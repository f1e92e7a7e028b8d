"""`builtin`: vectors that do not change where they must not, and a weights file that is checked."""

import hashlib
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.colours import RGB
from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.builtin import VIEWS, WEIGHTS, load_builtin, windows
from labelgate.fixtures.embedders.builtin_forms import FORMS, expand, turned
from labelgate.fixtures.embedders.network import Network
from labelgate.fixtures.errors import EmbedderError
from labelgate.fixtures.sample.drawing import MOTIFS, draw_picture

torch = pytest.importorskip("torch")

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]
Python = Callable[..., "CompletedProcess[str]"]

TURNS: dict[str, Callable[[RGB], RGB]] = {
    "90 degrees": lambda pixels: np.rot90(pixels),
    "180 degrees": lambda pixels: np.rot90(pixels, 2),
    "270 degrees": lambda pixels: np.rot90(pixels, 3),
    "mirrored": lambda pixels: pixels[:, ::-1],
    "upside down": lambda pixels: pixels[::-1],
    "diagonal": lambda pixels: pixels.transpose(1, 0, 2),
    "other diagonal": lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
}


@pytest.fixture(scope="module")
def builtin() -> Network:
    return load_builtin("cpu")


@pytest.fixture(scope="module")
def drawn() -> list[RGB]:
    """Two pictures of each class of the sample dataset."""
    numbered = [(label, number) for label in sorted(MOTIFS) for number in range(2)]
    return [
        np.array(draw_picture(label, np.random.default_rng([place, number])))
        for place, (label, number) in enumerate(numbered)
    ]


def encode(builtin: Network, pictures: list[RGB]) -> Vectors:
    prepared = np.stack([builtin.preparation(np.ascontiguousarray(one)) for one in pictures])
    return np.asarray(builtin.encode(torch.from_numpy(prepared)))


def noise(height: int, width: int, seed: int) -> RGB:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 200), width=st.integers(1, 200), seed=st.integers(0, 9))
def test_any_picture_has_a_vector_of_length_one(
    builtin: Network, height: int, width: int, seed: int
) -> None:
    vectors = encode(builtin, [noise(height, width, seed)])
    assert vectors.shape == (1, builtin.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 10_000), (10_000, 2), (32, 32)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_pictures_of_one_colour_have_finite_vectors(
    builtin: Network, shape: tuple[int, int], value: int
) -> None:
    vectors = encode(builtin, [np.full((*shape, 3), value, np.uint8)])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-5)


def test_a_vector_does_not_depend_on_the_batch(builtin: Network, drawn: list[RGB]) -> None:
    together = encode(builtin, drawn)
    alone = np.concatenate([encode(builtin, [picture]) for picture in drawn[:5]])
    assert np.abs(together[:5] - alone).max() < 1e-5
    assert np.abs(encode(builtin, drawn[::-1])[::-1] - together).max() < 1e-5


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_turned_and_mirrored_squares_have_the_same_vector(
    builtin: Network, turn: Callable[[RGB], RGB]
) -> None:
    squares = [noise(64, 64, seed) for seed in range(4)]
    kept = encode(builtin, squares)
    assert np.abs(encode(builtin, [turn(one) for one in squares]) - kept).max() < 1e-5


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_turned_and_mirrored_pictures_are_nearly_the_same(
    builtin: Network, drawn: list[RGB], turn: Callable[[RGB], RGB]
) -> None:
    kept, other = encode(builtin, drawn), encode(builtin, [turn(one) for one in drawn])
    assert (kept * other).sum(1).min() > 0.99  # resizing rounds in another order


def test_different_pictures_have_different_vectors(builtin: Network, drawn: list[RGB]) -> None:
    vectors = encode(builtin, drawn)
    products = vectors @ vectors.T - 2 * np.eye(len(vectors))
    assert np.median(products) < 0.5
    assert products.max() < 0.99


def test_planted_copies_find_their_picture_first(builtin: Network, drawn: list[RGB]) -> None:
    rng = np.random.default_rng(0)
    copies = [[one.apply(picture, rng) for picture in drawn] for one in ALTERATIONS]
    vectors = encode(builtin, drawn)
    first = np.array(
        [(encode(builtin, row) @ vectors.T).argmax(1) == np.arange(len(drawn)) for row in copies]
    )
    recall = dict(zip((one.name for one in ALTERATIONS), first.mean(1), strict=True))
    assert first.mean() > 0.97, recall
    assert min(recall.values()) > 0.75, recall


def views_of(builtin: Network, pictures: list[RGB]) -> np.ndarray:
    prepared = np.stack([builtin.preparation(np.ascontiguousarray(one)) for one in pictures])
    return np.asarray(builtin.encode_views(torch.from_numpy(prepared)))


def test_views_follow_the_vector_of_the_whole(builtin: Network, drawn: list[RGB]) -> None:
    found = views_of(builtin, drawn)
    assert found.shape == (len(drawn), 1 + VIEWS, builtin.dimensions)
    assert np.linalg.norm(found, axis=2) == pytest.approx(1, abs=1e-5)
    assert np.abs(found[:, 0] - encode(builtin, drawn)).max() < 1e-6


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_views_of_a_turned_square_are_the_same_in_another_order(
    builtin: Network, turn: Callable[[RGB], RGB]
) -> None:
    square = noise(64, 64, 1)
    kept, other = views_of(builtin, [square, turn(square)])[:, 1:]
    assert (kept @ other.T).max(axis=1) == pytest.approx(1, abs=1e-5)
    assert kept[-1] @ other[-1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("side", [1, 2, 5, 8, 9])
def test_each_view_is_a_mean_over_its_window(side: int) -> None:
    shares = windows(side).reshape(VIEWS, side, side)
    assert shares.sum(axis=(1, 2)) == pytest.approx(1)
    assert np.array_equal(shares[0], shares[3, ::-1, ::-1])
    assert np.allclose(shares[-1], np.rot90(shares[-1]))


def test_a_crop_is_nearer_to_a_view_than_to_the_whole(builtin: Network, drawn: list[RGB]) -> None:
    crops = [one[: 6 * len(one) // 10, : 6 * len(one[0]) // 10] for one in drawn]
    alike = np.einsum("nvd,nd->nv", views_of(builtin, drawn), encode(builtin, crops))
    assert (alike[:, 1:].max(axis=1) > alike[:, 0]).mean() > 0.9
    assert np.median(alike[:, 1]) > np.median(alike[:, 0]) + 0.05


def test_the_weights_fit_into_the_package() -> None:
    assert WEIGHTS.stat().st_size <= 6_000_000


def test_the_name_opens_it(builtin: Network) -> None:
    named = load_embedder("builtin", "cpu")
    assert isinstance(named, Network)
    assert (named.name, named.sha256) == ("builtin", builtin.sha256)


def test_its_identity_changes_with_the_weights(builtin: Network, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    write(other, {name: tensor * 2 for name, tensor in stored().items()})
    assert load_builtin("cpu", other).sha256 != builtin.sha256
    assert len(builtin.sha256) == 64
    assert builtin.sha256 != hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def test_opening_it_imports_no_torch(tmp_path: Path, python: Python) -> None:
    code = (
        "import sys\n"
        "from labelgate.fixtures.embedders import load_embedder\n"
        "network = load_embedder('builtin', 'cpu')\n"
        "print(len(network.sha256), network.dimensions, 'torch' in sys.modules)\n"
    )
    run = python(tmp_path, "-c", code)
    assert run.stdout.split() == ["64", "192", "False"], run.stdout + run.stderr


def stored() -> "dict[str, torch.Tensor]":
    from safetensors.torch import load_file

    return dict(load_file(WEIGHTS))


def write(file: Path, tensors: "dict[str, torch.Tensor]") -> None:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file, tensors = tmp_path / "w.safetensors", stored()
    without = {name: tensor for name, tensor in tensors.items() if name != "wide.bias"}
    extra = tensors | {"more": torch.zeros(3)}
    shorter = tensors | {"project.weight": tensors["project.weight"][:, :-1]}
    for changed, named in ((without, "wide.bias"), (extra, "more"), (shorter, "project.weight")):
        write(file, changed)
        with pytest.raises(EmbedderError, match=named) as caught:
            load_builtin("cpu", file)
        assert "\n" not in str(caught.value)


def test_a_pickle_and_other_files_are_refused(tmp_path: Path) -> None:
    pickled, text, cut = (tmp_path / name for name in ("p.pt", "t.json", "c.safetensors"))
    pickled.write_bytes(pickle.dumps({"stem.weight": [1.0]}))
    text.write_text(json.dumps({"stem.weight": 1}))
    cut.write_bytes(WEIGHTS.read_bytes()[:1000])
    for file in (pickled, text, cut, tmp_path / "missing.safetensors"):
        with pytest.raises(EmbedderError, match="cannot be used"):
            load_builtin("cpu", file)


@pytest.mark.parametrize(("before", "size"), [(1, 4), (8, 3), (8, 1)])
def test_filters_turn_with_the_picture(before: int, size: int) -> None:
    """A picture turned by g moves field channel h to g h, and turns what it shows by g."""
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 2, before, size, size, generator=rng)
    x = torch.randn(1, 2, before, 9, 9, generator=rng)
    filters = expand(weight, (before, FORMS))
    kept = torch.nn.functional.conv2d(x.flatten(1, 2), filters).unflatten(1, (3, FORMS))
    for g in range(FORMS):
        moved = shown(x, g) if before == 1 else shown(x, g)[:, :, order(g)]
        found = torch.nn.functional.conv2d(moved.flatten(1, 2), filters).unflatten(1, (3, FORMS))
        assert torch.allclose(found, shown(kept, g)[:, :, order(g)], atol=1e-4)


def shown(x: "torch.Tensor", form: int) -> "torch.Tensor":
    mirrored = x.flip(-1) if form >= 4 else x
    return torch.rot90(mirrored, form % 4, (-2, -1))


def order(g: int) -> list[int]:
    """Which channel is seen at each place of a field after a turn by g."""
    numbers = np.arange(9).reshape(3, 3)
    looks = [turned(numbers, form).tobytes() for form in range(FORMS)]
    places = [looks.index(turned(turned(numbers, h), g).tobytes()) for h in range(FORMS)]
    return [places.index(place) for place in range(FORMS)]


def test_torch_is_not_imported_by_the_modules_themselves() -> None:
    module = sys.modules["labelgate.fixtures.embedders.builtin"]
    assert "torch" not in vars(module)
