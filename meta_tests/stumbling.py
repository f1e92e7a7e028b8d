"""Workers that are killed in the middle of a batch, once, and a small network: for runs on Ray.

A plugin of pytest, too: `-p stumbling` lets the decode pass stumble. The folder of the first
argument remembers who has.
"""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelgate.fixtures import decode_pass
from labelgate.fixtures.decoding import Examined, examine_files
from labelgate.fixtures.embedders.preparation import Preparation
from labelgate.fixtures.preparing import Picture, Prepared, prepare_files
from labelgate.fixtures.ray_encoding import Encoding
from labelgate.fixtures.ray_neighbors import Asking

HERE = Path(os.environ.get("STUMBLING", "."))


def stumble(name: str) -> None:
    """Kills this process the first time that anybody asks for it by this name."""
    try:
        (HERE / name).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def examine(location: Any, caps: Any, known: Any, paths: Sequence[str]) -> Examined:  # noqa: ANN401
    """Reads and decodes; the batch with the picture of this number stumbles when it is done."""
    found = examine_files(location, caps, known, paths)
    if any(path.endswith("/100.png") for path in paths):
        stumble("decoding")
    return found


def prepare(
    location: Any,  # noqa: ANN401
    caps: Any,  # noqa: ANN401
    preparation: Preparation,
    pictures: Sequence[Picture],
) -> Prepared:
    """Prepares; the batch with the picture of this number stumbles when it is done."""
    done = prepare_files(location, caps, preparation, pictures)
    if any(number == 100 for number, _, _ in pictures):
        stumble("preparing")
    return done


def double(batch: Sequence[int]) -> list[tuple[int, int]]:
    """Doubles; 5 stumbles, and 13 kills whoever has it each time."""
    if 5 in batch:
        stumble("doubling")
    if 13 in batch:
        os.kill(os.getpid(), signal.SIGKILL)
    return [(item, 2 * item) for item in batch]


def died(item: int) -> list[tuple[int, int]]:
    return [(item, -1)]


@dataclass
class Pixels:
    """A network that returns the pixels, scaled to unit length."""

    name: str = "pixels"
    sha256: str = "1" * 64
    dimensions: int = 192
    preparation: Preparation = Preparation(8, 8)  # noqa: RUF009

    def encode(self, images: Any) -> Any:  # noqa: ANN401
        """(n, 8, 8, 3) uint8 -> (n, 192)."""
        import torch

        return torch.nn.functional.normalize(images.flatten(1).float() - 128, dim=1)


def check_place(device: str) -> str:
    """Makes sure that an actor was promised a GPU; it computes on its processor all the same."""
    import ray

    assert device == "cuda"
    assert len(ray.get_runtime_context().get_accelerator_ids()["GPU"]) == 1
    return "cpu"


class EncodingThere(Encoding):
    """The network of an actor with a GPU, which gets pictures that others prepared."""

    def __init__(self, embedder: Any, device: str, work: dict[str, Any]) -> None:  # noqa: ANN401
        assert not work
        super().__init__(embedder, check_place(device), None)


class AskingThere(Asking):
    """The search of an actor with a GPU."""

    def __init__(self, files: Any, given: Any, k: int, device: str) -> None:  # noqa: ANN401
        super().__init__(files, given, k, check_place(device))


def pytest_configure() -> None:
    """Lets the decode pass stumble."""
    decode_pass.examine_files = examine
