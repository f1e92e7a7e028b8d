"""The embedding pass: once a content, resumable, the same with any number of workers."""

import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelgate.fixtures import embeddings as embedding_pass
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.decode_pass import Pixels
from labelgate.fixtures.devices import precision
from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.preparation import Preparation
from labelgate.fixtures.embeddings import Embeddings, measure_embeddings
from labelgate.fixtures.encoding import Encoder, encode_all
from labelgate.fixtures.errors import DatasetError, EmbedderError
from labelgate.fixtures.location import Location
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.preparing import Prepared, killed, prepare_files
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.store import open_store

torch = pytest.importorskip("torch")
Draw = Callable[[Path, Mapping[str, int]], Path]
Measured = tuple[Dataset, Pixels]
Advance = AbstractContextManager[Callable[[int], None]]
Measure = Callable[..., Measured]
Embed = Callable[..., Embeddings]

CAPS = Caps(89_478_485, 2**28)
SIDE = 8
SMALL = Preparation(SIDE, SIDE)


@dataclass
class Colours:
    """A network that is easily understood: the mean colour, and 1, scaled to unit length.

    Attributes:
        sha256: what the network is.
        preparation: what it wants of a picture.
        most: pictures it has the memory for.
        error: raised above that.
        batches: sizes of the batches it encoded.
    """

    sha256: str = "0" * 64
    preparation: Preparation = SMALL
    most: int = 10**9
    error: type[Exception] = torch.OutOfMemoryError
    batches: list[int] = field(default_factory=list)
    name: str = "colours"
    dimensions: int = 4

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """(n, S, S, 3) uint8 -> (n, 4)."""
        assert images.shape[1:] == (self.preparation.size, self.preparation.size, 3)
        assert images.dtype == torch.uint8
        if len(images) > self.most:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB.")
        self.batches.append(len(images))
        means = images.float().mean((1, 2)) / 255
        return torch.nn.functional.normalize(torch.cat([means, torch.ones(len(means), 1)], 1))


@dataclass
class Halves(Colours):
    """Colours of the whole picture, and as two views those of its left and right half."""

    views: int = 2

    def encode_views(self, images: torch.Tensor) -> torch.Tensor:
        """(n, S, S, 3) uint8 -> (n, 3, 4)."""
        half = SIDE // 2
        parts = (
            images,
            images[:, :, :half].repeat(1, 1, 2, 1),
            images[:, :, half:].repeat(1, 1, 2, 1),
        )
        return torch.stack([self.encode(part) for part in parts], 1)


def expected(dataset: Dataset, image: int) -> np.ndarray:
    with Image.open(dataset.root / dataset.paths[image]) as picture:
        prepared = Preparation(SIDE, SIDE)(np.asarray(picture.convert("RGB")))
    vector = np.append(prepared.mean((0, 1)) / 255, 1)
    return vector / np.linalg.norm(vector)


def silent(_title: str, _total: int | None) -> Advance:
    return nullcontext(lambda done: None)


@pytest.fixture
def embed(tmp_path: Path) -> Embed:
    """Runs the pass on what was measured, with the store of this test."""

    def run(measured: Measured, embedder: Any, **given: Any) -> Embeddings:  # noqa: ANN401
        asked = types.SimpleNamespace(engine=LOCAL, workers=given.get("workers", 0), device="cpu")
        store = open_store(tmp_path / "store")
        progress = given.get("progress", silent)
        caps = given.get("caps", CAPS)
        return measure_embeddings(*measured, store, caps, asked, embedder, progress)

    return run


@pytest.fixture
def data(tmp_path: Path, draw: Draw) -> Path:
    """Twelve pictures of which two are copies, and one file that is none."""
    files = {f"train/cat/{n}.png": 19 * n for n in range(8)}
    files |= {f"val/cat/{n}.png": 19 * n for n in (2, 3)}
    files |= {"val/cat/8.png": 8, "val/cat/broken.png": -1, "val/cat/9.png": 9}
    return draw(tmp_path / "data", files)


@pytest.fixture
def measured(data: Path, tmp_path: Path, measure: Measure) -> Measured:
    return measure(data, tmp_path / "pixels")


def vector_of(found: Embeddings, image: int) -> np.ndarray:
    assert found.row[image] >= 0
    return found.vectors[found.row[[image]]][0]


# what comes out


def test_each_picture_has_its_own_vector(embed: Embed, measured: Measured) -> None:
    found = embed(measured, Colours())
    dataset, pixels = measured
    assert found.row.dtype == np.int64
    assert (found.vectors.dtype, found.vectors.shape) == (np.float16, (10, 4))
    for image, path in enumerate(dataset.paths):
        if image in pixels.problems:
            assert (path, found.row[image]) == ("val/cat/broken.png", -1)
        else:
            np.testing.assert_allclose(
                vector_of(found, image), expected(dataset, image), atol=2e-3, err_msg=path
            )


def test_vectors_are_mapped_read_only_and_of_unit_length(embed: Embed, measured: Measured) -> None:
    found = embed(measured, Colours())
    assert isinstance(found.vectors, np.memmap)
    assert not found.vectors.flags.writeable
    np.testing.assert_allclose(np.linalg.norm(found.vectors.astype("f4"), axis=1), 1, atol=1e-3)


def test_copies_cost_one_row(embed: Embed, measured: Measured) -> None:
    network = Colours()
    found = embed(measured, network)
    index = measured[0].index_of
    assert found.row[index["train/cat/2.png"]] == found.row[index["val/cat/2.png"]]
    assert found.row[index["train/cat/2.png"]] != found.row[index["train/cat/3.png"]]
    assert found.encoded == sum(network.batches) == 10


def test_workers_change_no_bit(
    tmp_path: Path, draw: Draw, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_pass, "BATCH", 7)
    numbers = {f"train/cat/{n:03}.png": n for n in range(60)}
    both = measure(draw(tmp_path / "many", numbers), tmp_path / "pixels")
    found = []
    for workers in (0, 2):
        asked = types.SimpleNamespace(engine=LOCAL, workers=workers, device="cpu")
        store = open_store(tmp_path / f"store {workers}")
        result = measure_embeddings(*both, store, CAPS, asked, Colours(), silent)
        found.append(result.vectors[result.row])
    np.testing.assert_array_equal(*found)


def test_views_are_stored_after_the_vector_of_each_picture(
    embed: Embed, measured: Measured
) -> None:
    found, alone = embed(measured, Halves(sha256="1" * 64)), embed(measured, Colours())
    assert found.with_views is not None
    assert (found.with_views.dtype, found.with_views.shape) == (np.float16, (10, 3, 4))
    assert np.array_equal(found.vectors, found.with_views[:, 0])
    assert np.array_equal(found.vectors, alone.vectors)
    assert alone.with_views is None


def test_views_that_are_stored_are_not_computed_again(embed: Embed, measured: Measured) -> None:
    network = Halves()
    first, again = embed(measured, network), embed(measured, network)
    assert (first.encoded, again.encoded) == (10, 0)
    assert np.array_equal(first.with_views, again.with_views)


def test_a_view_of_no_length_names_its_image(embed: Embed, measured: Measured) -> None:
    class Blind(Halves):
        def encode_views(self, images: torch.Tensor) -> torch.Tensor:
            return super().encode_views(images) * torch.tensor([1.0, 1.0, 0.0])[:, None]

    with pytest.raises(EmbedderError, match=r"'train/cat/0.png' a vector of length 0"):
        embed(measured, Blind())


def test_progress_counts_every_picture_once(embed: Embed, measured: Measured) -> None:
    told: list[Any] = []

    def progress(title: str, total: int | None) -> Advance:
        told.append((title, total))
        return nullcontext(told.append)

    embed(measured, Colours(), progress=progress)
    assert told[0] == ("embedding images (colours, cpu)", 10)
    assert sum(told[1:]) == 10


def test_a_dataset_without_a_picture_has_no_vectors(
    embed: Embed, tmp_path: Path, draw: Draw, measure: Measure
) -> None:
    both = measure(draw(tmp_path / "none", {"train/cat/1.png": -1}), tmp_path / "pixels")
    found = embed(both, Colours())
    assert found.vectors.shape == (0, 4)
    assert found.row.tolist() == [-1]


def test_odd_pictures_get_vectors(embed: Embed, tmp_path: Path, measure: Measure) -> None:
    folder = tmp_path / "odd" / "train" / "cat"
    folder.mkdir(parents=True)
    for name, size in (("1x1", (1, 1)), ("wide", (10_000, 2)), ("tall", (2, 10_000))):
        Image.new("RGB", size, (200, 100, 0)).save(folder / f"{name}.png")
    both = measure(tmp_path / "odd", tmp_path / "pixels")
    found = embed(both, Colours())
    for image in range(3):
        np.testing.assert_allclose(vector_of(found, image), expected(both[0], image), atol=2e-3)


# what is computed again, and what is not


def test_a_second_run_computes_nothing(embed: Embed, measured: Measured) -> None:
    first, network = embed(measured, Colours()), Colours()
    again = embed(measured, network)
    assert (again.encoded, network.batches) == (0, [])
    np.testing.assert_array_equal(again.vectors[again.row[:8]], first.vectors[first.row[:8]])


def test_an_added_image_costs_one(
    embed: Embed, data: Path, measured: Measured, draw: Draw, tmp_path: Path, measure: Measure
) -> None:
    embed(measured, Colours())
    draw(data, {"train/cat/new.png": 77})
    network = Colours()
    both = measure(data, tmp_path / "pixels")
    found = embed(both, network)
    assert (found.encoded, network.batches) == (1, [1])
    new = both[0].index_of["train/cat/new.png"]
    np.testing.assert_allclose(vector_of(found, new), expected(both[0], new), atol=2e-3)


def test_renamed_and_moved_images_cost_nothing(
    embed: Embed, data: Path, measured: Measured, tmp_path: Path, measure: Measure
) -> None:
    embed(measured, Colours())
    (data / "train/cat/1.png").rename(data / "val/cat/another.png")
    data.rename(tmp_path / "elsewhere")
    network = Colours()
    both = measure(tmp_path / "elsewhere", tmp_path / "pixels")
    found = embed(both, network)
    assert network.batches == []
    moved = both[0].index_of["val/cat/another.png"]
    np.testing.assert_allclose(vector_of(found, moved), expected(both[0], moved), atol=2e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "1" * 64},
        {"preparation": Preparation(SIDE, SIDE + 1)},
        {"preparation": Preparation(SIDE, SIDE, "stretch")},
    ],
    ids=str,
)
def test_another_network_or_preparation_has_its_own_vectors(
    embed: Embed, measured: Measured, change: dict[str, Any]
) -> None:
    embed(measured, Colours())
    assert embed(measured, Colours(**change)).encoded == 10
    assert embed(measured, Colours()).encoded == 0


def test_other_decoders_caps_and_precisions_have_their_own_vectors(
    embed: Embed, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, pixels = measured
    embed(measured, Colours())
    assert embed((dataset, replace(pixels, decoder="another")), Colours()).encoded == 10
    assert embed(measured, Colours(), caps=Caps(10**6, 10**6)).encoded == 10
    monkeypatch.setattr(embedding_pass, "precision", lambda device: "bfloat16")
    assert embed(measured, Colours()).encoded == 10
    assert precision("cuda") != precision("cpu") == precision("mps")


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_damaged_vectors_are_computed_again(
    embed: Embed, measured: Measured, tmp_path: Path, damage: bytes
) -> None:
    first = embed(measured, Colours())
    good = first.vectors[first.row[:8]]
    (part,) = (tmp_path / "store").rglob("part-*.npy")
    part.write_bytes(damage)
    again = embed(measured, Colours())
    assert again.encoded == 10
    np.testing.assert_array_equal(again.vectors[again.row[:8]], good)


KILLED = """
import os, sys, types
from contextlib import nullcontext
from pathlib import Path
import torch
from labelgate.fixtures import embeddings as embedding_pass
from labelgate.fixtures.decode_pass import measure_pixels
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.embedders.preparation import Preparation
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.store import open_store

embedding_pass.BATCH, embedding_pass.FLUSH_SECONDS = 2, 0
data, pixels, vectors = map(Path, sys.argv[1:])
caps = Caps(89_478_485, 2**28)
asked = types.SimpleNamespace(engine=LOCAL, workers=0, device="cpu", rehash=False)
silent = lambda title, total: nullcontext(lambda done: None)
done = 0

def encode(images):
    global done
    if done >= 6:
        os.kill(os.getpid(), 9)
    done += len(images)
    means = images.float().mean((1, 2)) / 255
    return torch.nn.functional.normalize(torch.cat([means, torch.ones(len(means), 1)], 1))

network = types.SimpleNamespace(
    name="colours", sha256="0" * 64, dimensions=4, preparation=Preparation(8, 8), encode=encode
)
dataset = read_dataset(data)
found = measure_pixels(dataset, open_store(pixels), caps, asked, silent)
embedding_pass.measure_embeddings(dataset, found, open_store(vectors), caps, asked, network, silent)
"""


def test_a_killed_run_is_resumed(
    embed: Embed, data: Path, measured: Measured, tmp_path: Path
) -> None:
    folders = [str(data), str(tmp_path / "pixels"), str(tmp_path / "store")]
    killed_run = subprocess.run([sys.executable, "-c", KILLED, *folders], check=False)
    assert killed_run.returncode == -9
    found = embed(measured, Colours())
    assert found.encoded == 6, "4 of 10 were stored; the last batch before the kill was not fetched"
    for image in range(8):
        np.testing.assert_allclose(vector_of(found, image), expected(measured[0], image), atol=2e-3)


SECOND = """
import sys, types
from contextlib import nullcontext
from pathlib import Path
from labelgate.fixtures.decode_pass import measure_pixels
from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embeddings import measure_embeddings
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.store import open_store

data, name, run = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
caps = Caps(89_478_485, 2**28)
asked = types.SimpleNamespace(engine=LOCAL, workers=0, device="cpu", rehash=False)
silent = lambda title, total: nullcontext(lambda done: None)
dataset, store = read_dataset(data), open_store(Path("store"))
pixels = measure_pixels(dataset, store, caps, asked, silent)
embedder = load_embedder(name, "cpu", store.folder)
found = measure_embeddings(dataset, pixels, store, caps, asked, embedder, silent)
print(found.encoded, found.vectors.shape, "torch" in sys.modules)
"""


def test_a_second_run_imports_no_torch(
    tmp_path: Path, data: Path, python: Callable[..., "CompletedProcess[str]"]
) -> None:
    import warnings

    class Twelve(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.adaptive_avg_pool2d(images, [2, 2]).flatten(1) + 0.01

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        archive = torch.jit.trace(Twelve(), torch.zeros(1, 3, 32, 32))
        torch.jit.save(archive, tmp_path / "net.pt", {"input_size": "32"})
    arguments = ("-c", SECOND, str(data), f"torchscript:{tmp_path}/net.pt")
    first, second = (python(tmp_path, *arguments, run) for run in ("first", "second"))
    assert first.stdout.strip() == "10 (10, 12) True", first.stderr
    assert second.stdout.strip() == "0 (10, 12) False", second.stderr


# memory


@pytest.mark.parametrize("most", [1, 2, 3, 7, 9])
def test_batches_are_halved_when_memory_runs_out(
    embed: Embed, measured: Measured, most: int
) -> None:
    network = Colours(most=most)
    found = embed(measured, network)
    assert sum(network.batches) == 10
    assert max(network.batches) <= most
    for image in range(8):
        np.testing.assert_allclose(vector_of(found, image), expected(measured[0], image), atol=2e-3)


def test_a_limit_that_was_found_stays() -> None:
    network = Colours(most=5)
    encoder = Encoder(network, "cpu")
    for _ in range(3):
        encoder.start(np.zeros((32, SIDE, SIDE, 3), np.uint8))
    assert network.batches == [4] * 24
    assert encoder.limit == 4


def test_memory_for_no_picture_at_all_is_one_sentence(embed: Embed, measured: Measured) -> None:
    with pytest.raises(
        EmbedderError, match=r"'colours' runs out of memory on cpu with a batch of 1"
    ):
        embed(measured, Colours(most=0))


@pytest.mark.parametrize(
    "text",
    [
        "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory",
        "MPS backend out of memory (MPS allocated: 8 GB)",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_devices_without_an_error_of_their_own_are_understood(text: str) -> None:
    network = Colours(most=2, error=lambda _: RuntimeError(text))  # type: ignore[arg-type]
    Encoder(network, "cpu").start(np.zeros((8, SIDE, SIDE, 3), np.uint8))
    assert network.batches == [2] * 4


def test_another_error_of_a_network_is_not_taken_for_memory() -> None:
    network = Colours(most=2, error=RuntimeError)
    network.error = lambda _: RuntimeError("mat1 and mat2 shapes cannot be multiplied")  # type: ignore[assignment,return-value]
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        Encoder(network, "cpu").start(np.zeros((8, SIDE, SIDE, 3), np.uint8))


def test_large_pictures_come_in_small_batches() -> None:
    for size in (8, 224, 518, 2000):
        network = Colours(preparation=Preparation(size, size))
        encoder = Encoder(network, "cpu")
        encoder.start(np.zeros((2, size, size, 3), np.uint8))
        assert 1 <= encoder.limit <= max(1, 32 * 224**2 // size**2)


def test_a_result_is_fetched_after_the_next_batch_was_started() -> None:
    network, fetched = Colours(), []

    def batches() -> Iterator[Prepared]:
        for number in range(3):
            fetched.append(len(network.batches))
            yield Prepared(np.array([number]), np.full((1, SIDE, SIDE, 3), number, np.uint8))

    for numbers, vectors in encode_all(Encoder(network, "cpu"), batches()):
        fetched.append(f"fetched {numbers[0]}")
        assert vectors.shape == (1, 1, 4)
    assert fetched == [0, 1, "fetched 0", 2, "fetched 1", "fetched 2"]


# what goes wrong


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_changed_since_it_was_decoded_is_one_sentence(
    embed: Embed, data: Path, measured: Measured, draw: Draw, workers: int
) -> None:
    draw(data, {"train/cat/5.png": 1234})
    with pytest.raises(DatasetError, match=r"'train/cat/5.png' changed .* another one now"):
        embed(measured, Colours(), workers=workers)


def test_a_file_that_is_gone_is_one_sentence(embed: Embed, data: Path, measured: Measured) -> None:
    (data / "train/cat/5.png").unlink()
    with pytest.raises(DatasetError, match=r"'train/cat/5.png' changed .*\(cannot be opened"):
        embed(measured, Colours())


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), 0.5, 2.0])
def test_a_vector_that_is_no_unit_vector_names_its_image(
    embed: Embed, measured: Measured, value: float
) -> None:
    network = Colours()
    right = network.encode

    def encode(images: torch.Tensor) -> torch.Tensor:
        vectors = right(images)
        vectors[3] = value if value in (0.0, 0.5) else vectors[3] * value
        return vectors

    network.encode = encode  # type: ignore[method-assign]
    if value == 0.5:  # (0.5, 0.5, 0.5, 0.5) has length 1
        assert embed(measured, network).encoded == 10
        return
    with pytest.raises(EmbedderError, match=r"'colours' gives 'train/cat/3.png' a vector"):
        embed(measured, network)


def test_a_killed_worker_is_one_sentence() -> None:
    with pytest.raises(DatasetError, match=r"prepared 'a/1.png' was killed"):
        killed((0, "a/1.png", b""))


def test_memory_that_runs_out_in_a_worker_is_one_sentence(data: Path, measured: Measured) -> None:
    class Greedy:
        size = SIDE

        def __call__(self, _: np.ndarray) -> np.ndarray:
            raise MemoryError

    dataset, pixels = measured
    picture = (0, dataset.paths[0], pixels.content[0].tobytes())
    with pytest.raises(DatasetError, match=r"did not fit into memory .* fewer --workers"):
        prepare_files(Location(str(data)), CAPS, Greedy(), [picture])  # type: ignore[arg-type]


# the user's own vectors


def own(data: Path, paths: Sequence[str], folder: Path) -> tuple[Any, np.ndarray]:
    """A `file:` embedder with a row for each path, and its rows."""
    array = np.random.default_rng(0).normal(size=(len(paths), 6)).astype(np.float32)
    np.save(folder / "emb.npy", array)
    (folder / "emb.txt").write_text("\n".join(paths))
    return load_embedder(f"file:{folder}/emb.npy", "cpu"), array


def test_own_vectors_go_to_their_images(
    embed: Embed, data: Path, measured: Measured, tmp_path: Path
) -> None:
    dataset = measured[0]
    paths = [path for path in reversed(dataset.paths) if "broken" not in path]
    embedder, array = own(data, paths, tmp_path)
    found = embed(measured, embedder)
    assert found.encoded == 12, "own vectors belong to paths, so that copies have one each"
    for row, path in enumerate(paths):
        unit = array[row] / np.linalg.norm(array[row])
        image = dataset.index_of[path]
        np.testing.assert_allclose(vector_of(found, image), unit, atol=1e-3)
    assert found.row[dataset.index_of["val/cat/broken.png"]] == -1
    assert embed(measured, embedder).encoded == 0


def test_own_vectors_without_paths_follow_the_sorted_paths_of_this_dataset(
    embed: Embed, data: Path, measured: Measured, tmp_path: Path, draw: Draw, measure: Measure
) -> None:
    array = np.random.default_rng(0).normal(size=(13, 6))
    np.save(tmp_path / "emb.npy", array)
    embedder = load_embedder(f"file:{tmp_path}/emb.npy", "cpu")
    found = embed(measured, embedder)
    unit = array[4] / np.linalg.norm(array[4])
    np.testing.assert_allclose(vector_of(found, 4), unit, atol=1e-3)
    (data / "train/cat/0.png").unlink()
    with pytest.raises(EmbedderError, match="13 rows, the dataset 12 images"):
        embed(measure(data, tmp_path / "pixels"), embedder)
    draw(data, {"val/cat/zz.png": 99})
    both = measure(data, tmp_path / "pixels")
    unit = array[3] / np.linalg.norm(array[3])
    again = embed(both, embedder)
    np.testing.assert_allclose(vector_of(again, 3), unit, atol=1e-3)


def test_changed_own_vectors_are_read_again(
    embed: Embed, data: Path, measured: Measured, tmp_path: Path
) -> None:
    embed(measured, own(data, measured[0].paths, tmp_path)[0])
    np.save(tmp_path / "emb.npy", np.eye(13, dtype=np.float64)[:, ::-1])
    found = embed(measured, load_embedder(f"file:{tmp_path}/emb.npy", "cpu"))
    assert found.encoded == 12
    assert vector_of(found, 0)[12] == 1
