"""What is remembered of a network: the next run needs no torch to know it."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from random_networks import Colours, archive, our_vectors, picture

from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.network import Network

torch = pytest.importorskip("torch")
Python = Callable[..., "CompletedProcess[str]"]

WITHOUT_TORCH = """
import sys
from pathlib import Path
from labelgate.fixtures.embedders import load_embedder
network = load_embedder(sys.argv[1], "cpu", Path("memory"))
print(network.sha256, network.dimensions, network.preparation)
print(sorted({"torch", "timm", "torchvision"} & set(sys.modules)))
"""


def test_a_second_run_knows_a_network_without_torch(
    tmp_path: Path, python: Python, timm_file: Path
) -> None:
    name = f"timm:test_vit/{timm_file}"
    first = load_embedder(name, "cpu", tmp_path / "memory")
    run = python(tmp_path, "-c", WITHOUT_TORCH, name)
    assert run.stdout.splitlines() == [
        f"{first.sha256} {first.dimensions} {first.preparation}",
        "[]",
    ], run.stderr


def test_a_network_that_is_remembered_encodes_as_before(tmp_path: Path) -> None:
    name = f"torchscript:{archive(Colours(), tmp_path / 'a.pt', input_size='32')}"
    first, again = (load_embedder(name, "cpu", tmp_path / "memory") for _ in range(2))
    assert isinstance(again, Network)
    np.testing.assert_array_equal(
        our_vectors(again, [picture(9, 9)]), our_vectors(first, [picture(9, 9)])
    )


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"library": 1}', "\xff"])
def test_a_damaged_memory_is_made_anew(tmp_path: Path, damage: str) -> None:
    name = f"torchscript:{archive(Colours(), tmp_path / 'a.pt', input_size='32')}"
    first = load_embedder(name, "cpu", tmp_path / "memory")
    (file,) = (tmp_path / "memory").iterdir()
    file.write_bytes(damage.encode("latin-1"))
    assert load_embedder(name, "cpu", tmp_path / "memory").sha256 == first.sha256
    assert len(file.read_bytes()) > 100


def test_a_name_means_the_file_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for folder, size in (("one", "32"), ("two", "40")):
        (tmp_path / folder).mkdir()
        archive(Colours(), tmp_path / folder / "a.pt", input_size=size)
        monkeypatch.chdir(tmp_path / folder)
        found.append(load_embedder("torchscript:a.pt", "cpu", tmp_path / "memory"))
    assert [network.preparation.size for network in found] == [32, 40]


def test_a_changed_file_is_not_what_is_remembered(tmp_path: Path) -> None:
    name = f"torchscript:{archive(Colours(), tmp_path / 'a.pt', input_size='32')}"
    first = load_embedder(name, "cpu", tmp_path / "memory")
    archive(Colours(), tmp_path / "a.pt", input_size="40")
    again = load_embedder(name, "cpu", tmp_path / "memory")
    assert again.preparation.size == 40
    assert again.sha256 != first.sha256
