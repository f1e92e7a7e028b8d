"""TorchScript archives as embedders."""

from pathlib import Path

import numpy as np
import pytest
from random_networks import Colours, archive, one_sentence, our_vectors, picture

from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.network import Network
from labelgate.fixtures.embedders.preparation import Preparation
from labelgate.fixtures.errors import EmbedderError

torch = pytest.importorskip("torch")


class Map(torch.nn.Module):
    """Returns no vectors."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) -> the same."""
        return images * 2


@pytest.mark.parametrize(("extra", "size"), [({}, 224), ({"input_size": "48"}, 48)])
def test_torchscript_takes_normalised_pictures_of_its_own_size(
    tmp_path: Path, extra: dict[str, str], size: int
) -> None:
    network = load_embedder(f"torchscript:{archive(Colours(), tmp_path / 'a.pt', **extra)}", "cpu")
    assert isinstance(network, Network)
    assert network.preparation == Preparation(size, size, "short", "bilinear")
    assert network.dimensions == 12
    pixels = picture(size, size)
    shares = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    half = size // 2
    quarters = [
        shares[r : r + half, c : c + half].mean((0, 1)) for r in (0, half) for c in (0, half)
    ]
    expected = np.stack(quarters, 1).ravel() + 0.01
    np.testing.assert_allclose(
        our_vectors(network, [pixels])[0], expected / np.linalg.norm(expected), atol=1e-5
    )


@pytest.mark.parametrize("told", ["0", "many", "-3", "99999", "²", ""])
def test_a_size_that_is_none_is_refused(tmp_path: Path, told: str) -> None:
    file = archive(Colours(), tmp_path / "a.pt", input_size=told)
    with pytest.raises(EmbedderError, match="from 1 to 4,096") as error:
        load_embedder(f"torchscript:{file}", "cpu")
    assert one_sentence(error.value)


def test_an_archive_that_returns_no_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"shape \(1, 3, 32, 32\)"):
        load_embedder(f"torchscript:{archive(Map(), tmp_path / 'a.pt', input_size='32')}", "cpu")


def test_an_archive_that_fails_is_one_sentence(tmp_path: Path) -> None:
    file = archive(torch.nn.Linear(7, 2), tmp_path / "a.pt", input_size="32")
    with pytest.raises(EmbedderError, match=r"fails on a picture of 32 x 32") as error:
        load_embedder(f"torchscript:{file}", "cpu")
    assert one_sentence(error.value)


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    file = archive(Colours(), tmp_path / "a.pt")
    data = bytearray(file.read_bytes())
    at = data.index(b"a/code/__torch__") + 80
    data[at : at + 60] = bytes(60)
    file.write_bytes(data)
    with pytest.raises(EmbedderError) as error:
        load_embedder(f"torchscript:{file}", "cpu")
    assert one_sentence(error.value)
