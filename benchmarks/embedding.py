"""Images per second of each stage of the embedding pass alone, and of the whole pass.

    python benchmarks/embedding.py --work FOLDER [--data DATASET] [--embedder NAME] [--device cpu]
    python benchmarks/embedding.py --work FOLDER --copies 60 --workers 16 --device cuda

`--copies` runs on photographs of ImageNet's size alone, each that many times, every time altered
a little. Rates are told with the start of the processes and without, from the first batch to the
last: a large dataset has the second. On a GPU the rate of a large product in bfloat16 is measured
as well. `--embedder random:<timm model>` draws random weights for a network of timm, which are as
fast as good ones. Each round runs every stage once, in turn, so that a machine that slows down
slows all of them. Preparing starts spawned processes and reads from the page cache; encoding gets
prepared pictures from memory; the whole pass does both at once and writes its store.
"""

import argparse
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from data import full_size, unpack

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.decode_pass import Pixels, measure_pixels
from labelgate.fixtures.devices import choose_device
from labelgate.fixtures.embedders import Embedder, load_embedder
from labelgate.fixtures.embeddings import BATCH, BATCH_BYTES, measure_embeddings
from labelgate.fixtures.encoding import Encoder, encode_all
from labelgate.fixtures.handing import prepare_all
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.preparing import Prepared, prepare_files
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.store import open_store
from labelgate.fixtures.wanted import Batches, first_of_each

CAPS = Caps(89_478_485, 2**28)

KEPT = 2**30
"""Bytes of prepared pictures that are kept in memory to encode them alone."""


@dataclass
class Stages:
    """What the stages of one dataset share.

    Attributes:
        dataset: N images.
        pixels: their facts, from a store that is not measured.
        embedder: the network.
        device: where it runs.
        work: the folder of the store.
        workers: processes.
        marks: when a batch was done in the running stage, and how many pictures it had.
    """

    dataset: Dataset
    pixels: Pixels
    embedder: Embedder
    device: str
    work: Path
    workers: int
    marks: list[tuple[float, int]] = field(default_factory=list)

    def mark(self, pictures: int) -> int:
        """Notes a batch that is done; returns its pictures."""
        self.marks.append((time.perf_counter(), pictures))
        return pictures

    def steady(self) -> float:
        """Pictures a second since the first batch was done; not a number where it was the only."""
        later = sum(pictures for _, pictures in self.marks[1:])
        lasted = self.marks[-1][0] - self.marks[0][0] if self.marks else 0
        return later / lasted if lasted else float("nan")

    def prepare(self) -> Iterator[Prepared]:
        """Reads, decodes and prepares all distinct images, as the pass does."""
        images = np.flatnonzero(self.pixels.hashes.any(axis=1))
        wanted = first_of_each(self.dataset, images, self.pixels.content[images])
        size = max(1, min(BATCH, BATCH_BYTES // (3 * self.embedder.preparation.size**2)))
        prepare = partial(prepare_files, self.dataset.location, CAPS, self.embedder.preparation)
        return prepare_all(prepare, Batches(wanted, size), self.workers)

    def prepare_all(self) -> int:
        """Prepares and drops what was prepared."""
        return sum(self.mark(len(batch.numbers)) for batch in self.prepare())

    def encode(self, batches: list[Prepared]) -> int:
        """Encodes pictures that are in memory."""
        encoder = Encoder(self.embedder, self.device)
        encoded = encode_all(encoder, iter(batches))
        return sum(self.mark(len(numbers)) for numbers, _ in encoded)

    def whole(self, fresh: bool) -> int:
        """Runs the pass, from an empty store or a second time."""
        store = self.work / "store of vectors"
        if fresh:
            shutil.rmtree(store, ignore_errors=True)
        asked: Any = SimpleNamespace(workers=self.workers, device=self.device, engine=LOCAL)
        found = measure_embeddings(
            *(self.dataset, self.pixels, open_store(store), CAPS, asked, self.embedder),
            lambda title, total: nullcontext(self.mark),
        )
        assert (found.encoded > 0) == fresh
        return found.encoded or len(self.dataset.paths)


def silent(_title: str, _total: int | None) -> AbstractContextManager[Callable[[int], object]]:
    """A progress that says nothing."""
    return nullcontext(lambda _: None)


def open_embedder(name: str, device: str) -> Embedder:
    """Opens an embedder by its name, or a network of timm with random weights."""
    if not name.startswith("random:"):
        found = load_embedder(name, device)
        assert hasattr(found, "encode"), "vectors from a file are not encoded"
        return found
    from labelgate.fixtures.embedders.network import Network, describe
    from labelgate.fixtures.embedders.timm_model import build_timm

    model = name.removeprefix("random:")
    built = build_timm(name, model, device, None)
    description = describe(name, model, "random", built, device)
    return Network(name, device, description, lambda: built.forward)


def main() -> None:
    """Prints one table a dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--embedder", default="builtin")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--copies", type=int)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    device = choose_device(given.device)
    embedder = open_embedder(given.embedder, device)
    large = partial(full_size, given.work, given.copies or 10, given.workers)
    roots = {"ImageNet-size photographs": large}
    if not given.copies:
        roots["CIFAR-10, 32 x 32"] = partial(unpack, "cifar10_dev", given.work)
    for name, root in ({str(given.data): lambda: given.data} if given.data else roots).items():
        dataset = read_dataset(root().absolute())
        asked: Any = SimpleNamespace(workers=given.workers, rehash=False, engine=LOCAL)
        store = open_store(given.work / "store of pixels")
        pixels = measure_pixels(dataset, store, CAPS, asked, silent)
        stages = Stages(dataset, pixels, embedder, device, given.work, given.workers)
        compare(name, stages, given.rounds)


def compare(name: str, stages: Stages, rounds: int) -> None:
    """Runs the stages in turn and prints medians."""
    size = stages.embedder.preparation.size
    kept = list(islice(stages.prepare(), max(1, KEPT // BATCH_BYTES)))
    stages.encode(kept[:1])  # builds the network
    loops: dict[str, Callable[[], int]] = {
        "decode and prepare alone": stages.prepare_all,
        "encode alone": lambda: stages.encode(kept),
        "whole pass": lambda: stages.whole(fresh=True),
        "second run": lambda: stages.whole(fresh=False),
    }
    speeds: dict[str, list[float]] = {loop: [] for loop in loops}
    seconds: dict[str, list[float]] = {loop: [] for loop in loops}
    steady: dict[str, list[float]] = {loop: [] for loop in loops}
    for _ in range(rounds):
        for loop, run in loops.items():
            stages.marks.clear()
            started = time.perf_counter()
            images = run()
            seconds[loop].append(time.perf_counter() - started)
            speeds[loop].append(images / seconds[loop][-1])
            steady[loop].append(stages.steady())
    print(
        f"\n{name}: {len(stages.dataset.paths):,} files, {stages.embedder.name} at {size} x {size},"
        f" {stages.device}, {stages.workers} workers, {rounds} rounds\n"
    )
    operations = count_operations(stages.embedder, stages.device)
    print("| stage | seconds (median) | images/s | from the first batch on | TFLOP/s |")
    print("|---|---:|---:|---:|---:|")
    for loop in loops:
        median, speed = statistics.median(seconds[loop]), statistics.median(speeds[loop])
        later = statistics.median(steady[loop])
        computed = f"{later * operations / 1e12:.3g}" if loop == "encode alone" else ""
        print(f"| {loop} | {median:.2f} | {speed:,.0f} | {later:,.0f} | {computed} |")
    slower = min(statistics.median(steady[loop]) for loop in list(loops)[:2])
    print(
        f"\n{operations / 1e9:.3g} GFLOP a picture, by torch.utils.flop_counter; the whole pass at "
        f"{statistics.median(steady['whole pass']) / slower:.2f} of the slower stage alone."
    )
    if stages.device == "cuda":
        print(f"A product of 8192 x 8192 in bfloat16: {product_rate() / 1e12:.0f} TFLOP/s.")


def product_rate() -> float:
    """Floating-point operations a second of a large product in bfloat16, of random numbers."""
    import torch

    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    taken = []
    for _ in range(10):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        a @ b
        end.record()
        torch.cuda.synchronize()
        taken.append(begin.elapsed_time(end) / 1000)
    return float(2 * 8192**3 / statistics.median(taken))


def count_operations(embedder: Embedder, device: str) -> int:
    """Floating-point operations of one picture: two for each multiplication with an addition."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    size = embedder.preparation.size
    with FlopCounterMode(display=False) as counter:
        embedder.encode(torch.zeros((1, size, size, 3), dtype=torch.uint8, device=device))
    return int(counter.get_total_flops())


if __name__ == "__main__":
    main()
