"""Seconds of the process that receives prepared pictures, by a pipe and by shared memory.

    python benchmarks/handing.py [--batches 150] [--size 518] [--workers 2]

Workers have their pictures ready, so that nothing but the handing over is measured, from the first
batch on: what the process that feeds a GPU has to do for each picture beside that.
"""

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from functools import cache, partial

import numpy as np

from labelgate.fixtures.colours import RGB
from labelgate.fixtures.embeddings import BATCH_BYTES
from labelgate.fixtures.handing import prepare_all
from labelgate.fixtures.preparing import Picture, Prepared, killed
from labelgate.fixtures.workers import run_batches


@cache
def draw(size: int, pictures: int) -> RGB:
    """Draws a batch of pictures, once a process."""
    return np.random.default_rng(0).integers(0, 256, (pictures, size, size, 3), np.uint8)


def ready(size: int, batch: Sequence[Picture]) -> Prepared:
    """Has pictures ready."""
    return Prepared(np.array([number for number, _, _ in batch]), draw(size, len(batch)))


def processor() -> float:
    """Seconds of the processor that this process took so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, arriving: Iterator[Prepared]) -> None:
    """Receives all batches and prints a line."""
    next(arriving)
    started, busy = time.perf_counter(), processor()
    size = sum(batch.images.nbytes for batch in arriving) / 1e6
    took, busy = time.perf_counter() - started, processor() - busy
    print(f"| {name} | {busy:.2f} | {size / busy:,.0f} | {size / took:,.0f} |", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=150)
    parser.add_argument("--size", type=int, default=518)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    pictures = max(1, BATCH_BYTES // (3 * given.size**2))
    numbers = np.arange(given.batches * pictures).reshape(given.batches, pictures).tolist()
    batches = [[(number, "", b"") for number in batch] for batch in numbers]
    prepare = partial(ready, given.size)
    print("| by | seconds of this process | MB/s of it | MB/s of the clock |\n|---|---:|---:|---:|")
    for _ in range(given.rounds):
        measure("a pipe", run_batches(prepare, batches, given.workers, killed))
        measure("shared memory", prepare_all(prepare, batches, given.workers))


if __name__ == "__main__":
    main()
