"""What `labelgate measure` stores on a GPU that is shared, short of memory, or asked through Ray.

    python benchmarks/one_gpu.py --work FOLDER --data DATASET [--left 1.5] [--ray]

Runs it alone, then twice at once, once more while another process holds all of the device's memory
but `--left` GiB, with `--ray` on a local Ray whose actors have the device, and on the CPU. Each
writes a store of its own; vectors and neighbours of all of them are compared with those of the
first. Then a large network encodes the same pictures with all memory and with little.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

CHOSEN = ("--predictor=knn", "-k", "class_accuracy")
"""What asks for vectors and neighbours, and for little else."""

HOLD = """
import sys, time, torch
free = torch.cuda.mem_get_info()[0] - int(float(sys.argv[1]) * 2**30)
kept = torch.empty(free, dtype=torch.uint8, device="cuda")
print("held", flush=True)
time.sleep(600)
"""


def start(given: argparse.Namespace, name: str, *options: str) -> tuple[str, Any, float]:
    """Starts one run, with a store of that name unless one is given."""
    command = (sys.executable, "-m", "labelgate.plugins.command", "measure", str(given.data))
    chosen = ("--store", str(given.work / f"store {name}"), "--workers=4", *CHOSEN)
    options = options or (f"--device={given.device}",)
    with (given.work / f"{name}.log").open("w") as log:
        run = subprocess.Popen((*command, *chosen, *options), stdout=log, stderr=subprocess.STDOUT)
    return name, run, time.monotonic()


def end(given: argparse.Namespace, *runs: tuple[str, Any, float]) -> None:
    """Waits for runs and tells how they ended."""
    for name, run, started in runs:
        code = run.wait()
        print(f"{name}: code {code}, {time.monotonic() - started:.1f} s", flush=True)
        if code:
            print((given.work / f"{name}.log").read_text()[-1500:])


@contextmanager
def held(left: float) -> Iterator[None]:
    """Lets another process hold the memory of the device but so many GiB."""
    other = subprocess.Popen((sys.executable, "-c", HOLD, str(left)), stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    print(f"free now: {torch.cuda.mem_get_info()[0] / 2**30:.2f} GiB")
    try:
        yield
    finally:
        other.kill()
        other.wait()


def vectors_in(store: Path) -> dict[bytes, np.ndarray]:
    """The vectors of each content."""
    found: dict[bytes, np.ndarray] = {}
    for part in store.glob("v1/vectors-*/part-*.npy"):
        rows = np.load(part, allow_pickle=False)
        found |= {row["content"].tobytes(): row["vector"] for row in rows}
    return found


def neighbors_in(store: Path) -> np.ndarray:
    """The neighbours of each picture, in the order of the dataset."""
    (part,) = sorted(store.glob("v1/neighbors-*/part-*.parquet"))
    index = pq.ParquetFile(part).read(columns=["index"])["index"].combine_chunks()
    return index.flatten().to_numpy().reshape(len(index), -1)


def compare(given: argparse.Namespace, name: str, with_name: str) -> None:
    """Prints how much two stores differ."""
    ours, theirs = (vectors_in(given.work / f"store {n}") for n in (name, with_name))
    if not ours or ours.keys() != theirs.keys():
        print(f"| {name} | {with_name} | other pictures: {len(ours)}, {len(theirs)} |")
        return
    a, b = (np.stack([v[key] for key in sorted(v)]).astype(np.float64) for v in (ours, theirs))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    nearest = [neighbors_in(given.work / f"store {n}") for n in (name, with_name)]
    print(
        f"| {name} | {with_name} | {len(a):,} | {np.mean(a != b):.4%} | {abs(a - b).max():.1e} | "
        f"{cosine.min():.6f} | {np.mean(nearest[0] == nearest[1]):.4%} |",
        flush=True,
    )


def encode_short_of_memory(model: str, share: float) -> None:
    """Encodes 256 pictures with all memory, and with a share of it."""
    from embedding import open_embedder

    from labelgate.fixtures.encoding import Encoder

    network = open_embedder(f"random:{model}", "cuda")
    size = network.preparation.size
    images = np.random.default_rng(0).integers(0, 256, (256, size, size, 3), np.uint8)
    found = []
    for part in (1.0, share):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(part)
        encoder = Encoder(network, "cuda", limit=256)
        found.append(encoder.start(images).cpu().float())
        used = torch.cuda.max_memory_allocated() / 2**30
        print(f"{model}: {part:.1%} of the memory, batches of {encoder.limit}, peak {used:.2f} GiB")
        torch.cuda.reset_peak_memory_stats()
    cosine = torch.nn.functional.cosine_similarity(*found, dim=-1).min()
    off = (found[0] != found[1]).float().mean()
    print(f"{off:.2%} of the numbers differ, smallest cosine {cosine:.6f}", flush=True)
    torch.cuda.set_per_process_memory_fraction(1.0)


def main() -> None:
    """Runs all of it and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--left", type=float, default=1.5)
    parser.add_argument("--model", default="vit_large_patch14_dinov2.lvd142m")
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--ray", action="store_true")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    device = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    print(f"{device}, torch {torch.__version__}", flush=True)
    names = ["again", "first of two", "second of two", "short of memory", "on the CPU"]
    end(given, start(given, "alone"))
    end(given, start(given, "again"))
    end(given, *(start(given, name) for name in names[1:3]))
    with held(given.left) if given.device == "cuda" else nullcontext():
        end(given, start(given, names[3]))
    end(given, start(given, names[4], "--device=cpu"))
    if given.ray:
        names.append("on Ray")
        end(given, start(given, "on Ray", f"--device={given.device}", "--engine=ray"))
    print("\n| store | beside | pictures | numbers that differ | most | smallest cosine | "
          "equal neighbours |\n|---|---|---:|---:|---:|---:|---:|")  # fmt: skip
    for name in names:
        compare(given, name, "alone")
    print()
    if given.device == "cuda":
        encode_short_of_memory(given.model, given.share)


if __name__ == "__main__":
    main()
