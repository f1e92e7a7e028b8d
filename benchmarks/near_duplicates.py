"""Seconds of each stage of the search for near duplicates, from an empty store.

    python benchmarks/near_duplicates.py --work FOLDER [--workers 2] [--embedder builtin]

The dataset is CIFAR-10, Tiny ImageNet and 21,000 unlabelled photographs together: 62,000 images of
32 x 32 and 64 x 64. Memory is the peak of this process, without its workers, after each stage.
"""

import argparse
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from data import one_dataset
from decode_pass import silent

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.comparison import compare_pixels
from labelgate.fixtures.decode_pass import measure_pixels
from labelgate.fixtures.devices import choose_device
from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embeddings import measure_embeddings
from labelgate.fixtures.exact_duplicates import propose_groups
from labelgate.fixtures.pictures import find_pictures
from labelgate.fixtures.planted_copies import PlantedCopies, draw_pictures, plant
from labelgate.fixtures.planted_rivals import compare
from labelgate.fixtures.proposals import K, find_proposals
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import open_store
from labelgate.fixtures.tau import choose_tau
from labelgate.fixtures.verification import verify_pairs

Result = TypeVar("Result")


def timed(name: str, count: Callable[[Result], int], work: Callable[[], Result]) -> Result:
    """Runs one stage and prints its row."""
    started = time.perf_counter()
    result = work()
    seconds, n = time.perf_counter() - started, count(result)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {n:,} | {seconds:.1f} | {n / seconds:,.0f} | {memory:,.0f} |", flush=True)
    return result


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--embedder", default="builtin")
    given = parser.parse_args()
    dataset = read_dataset(one_dataset(given.work))
    folder = given.work / "near_store"
    shutil.rmtree(folder, ignore_errors=True)
    store, caps = open_store(folder), read_limits(None).caps
    settings = Settings(
        dataset.root, given.work, None, None, folder, given.workers, False, given.embedder
    )
    started = time.perf_counter()
    print("| stage | items | seconds | items/s | peak memory, MiB |\n|---|---:|---:|---:|---:|")
    pixels = timed(
        "decoding",
        lambda found: len(found.hashes),
        lambda: measure_pixels(dataset, store, caps, settings, silent),
    )
    groups = compare_pixels(dataset, pixels, store, settings, silent, propose_groups(pixels.hashes))
    pictures = find_pictures(dataset, pixels, groups)
    device = choose_device(settings.device)
    embedder = load_embedder(given.embedder, device, store.folder)
    embeddings = timed(
        f"embedding on {device}",
        lambda found: found.encoded,
        lambda: measure_embeddings(dataset, pixels, store, caps, settings, embedder, silent),
    )
    proposals = timed(
        "nearest neighbours",
        lambda found: len(found.image),
        lambda: find_proposals(dataset, pixels, pictures, embeddings, store, settings, silent),
    )
    drawn = draw_pictures(pixels, pictures.distinct())
    vectors, kinds = timed(
        "planted copies",
        lambda found: found[1].size,
        lambda: plant(dataset, pixels, drawn, embedder, store, settings, silent),
    )
    distance, nearer = compare(vectors, drawn, pictures, embeddings)
    tau = choose_tau(None, PlantedCopies(drawn, distance, nearer, kinds.T), proposals)
    pairs, _ = proposals.pairs(pictures, tau.value)
    whole = replace(
        proposals, index=proposals.index[:, :, :K], similarity=proposals.similarity[:, :, :K]
    )
    alone = len(whole.pairs(pictures, tau.value)[0])
    verified = timed(
        f"verification, tau {tau.value:.3f}",
        lambda found: len(found.kind),
        lambda: verify_pairs(dataset, pixels, pairs, store, caps, settings, silent),
    )
    seconds = time.perf_counter() - started
    n = len(dataset.paths)
    print(f"| all | {n:,} | {seconds:.1f} | {n / seconds:,.0f} | |")
    print(f"{len(pairs) - alone:,} pairs are proposed by views only, {alone:,} by the whole")
    for kind in ("augmentation", "similar_view", "different"):
        print(f"{kind}: {(verified.kind == kind).sum():,} pairs")


if __name__ == "__main__":
    main()
