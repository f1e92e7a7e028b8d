"""Seconds of the exact search for neighbours, beside faiss, plain torch and the bare product.

    python benchmarks/neighbors.py [--images 60000] [--dimensions 256,512,768] [--device cpu]
    python benchmarks/neighbors.py --images 1330000 --dimensions 768 --device cuda --asked 65536

All search the k = 5 nearest others of every image among all images, in one process, in turn; with
`--asked` peers are asked about the first images only, and their time is that times what is left.
The bounds are the time of the bare matrix product at the speed measured here, in float32 and in
the type that the device multiplies fastest. Vectors are random and of unit length: no neighbour
stands out, which is hard for a rounded product. Some answers are compared with those of float64.

`--shapes 1024x1048576,...` asks in blocks of so many queries and candidates, one after the other.
"""

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from labelgate.fixtures import neighbor_pool
from labelgate.fixtures.neighbor_proposals import first_precision, multiply
from labelgate.fixtures.neighbors import Neighbors, nearest_others
from labelgate.fixtures.slices import divide

K = 5

HOST = 100_000
"""Images of which neighbours are sought on the CPU as well, to compare what a GPU finds."""

CHECKED = 200
"""Images whose neighbours are compared with those that float64 gives."""


def unit_vectors(images: int, dimensions: int, device: str) -> NDArray[np.float16]:
    """Draws random vectors of length one, with a seed."""
    generator = torch.Generator(device).manual_seed(0)
    vectors = np.empty((images, dimensions), np.float16)
    for some in divide(images, 2**17):
        shape = some.stop - some.start, dimensions
        rows = torch.randn(shape, generator=generator, device=device)
        vectors[some] = torch.nn.functional.normalize(rows, dim=1).half().cpu().numpy()
    return vectors


def ours(vectors: NDArray[np.float16], device: str) -> Neighbors:
    """Our search, of all in one segment."""
    items = np.arange(len(vectors))
    return nearest_others(vectors, items, items, np.zeros_like(items), 1, K, device)


def faiss_flat(vectors: NDArray[np.float16], asked: int) -> None:
    """The exact index of faiss, on the CPU; each query finds itself as well."""
    import faiss

    normalised = vectors.astype(np.float32)
    normalised /= np.linalg.norm(normalised, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(normalised)
    index.search(normalised[:asked], K + 1)


def torch_naive(vectors: NDArray[np.float16], asked: int, device: str, dtype: torch.dtype) -> None:
    """What one would write in torch: blocks of products, and topk."""
    everything = torch.from_numpy(vectors).to(device).to(dtype)
    blocks = everything[:asked].split(1024)
    torch.cat([(block @ everything.T).topk(K + 1, dim=1).indices for block in blocks])


def bound(dtype: torch.dtype, images: int, dimensions: int, device: str) -> float:
    """Seconds of the bare products of all by all, at the best speed of five large ones."""
    blocks = neighbor_pool.BLOCKS[device]
    shape = blocks.queries, min(blocks.candidates, images)
    left = torch.randn(shape[0], dimensions, device=device).to(dtype)
    right = torch.randn(shape[1], dimensions, device=device).to(dtype)
    product = torch.empty(shape, dtype=dtype, device=device)
    best = min(seconds(lambda: multiply(left, right, product), device)[0] for _ in range(5))
    return best * images**2 / (shape[0] * shape[1])


def seconds(run: Callable[[], object], device: str) -> tuple[float, object]:
    """Times one call, with the work that a GPU still has to do."""
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    result = run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started, result


def processor() -> float:
    """Seconds of the processor that this process took so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def agreeing(vectors: NDArray[np.float16], answer: Neighbors, device: str) -> int:
    """Counts sampled images that have the neighbours, in this order, that float64 gives them."""
    rows = np.sort(np.random.default_rng(1).choice(len(vectors), CHECKED, replace=False))
    queries = torch.from_numpy(vectors[rows]).to(device).double()
    cosine = torch.empty(len(rows), len(vectors), dtype=torch.float64, device=device)
    for some in divide(len(vectors), 2**15):
        offered = torch.from_numpy(vectors[some]).to(device).double()
        lengths = queries.square().sum(1)[:, None] * offered.square().sum(1)
        cosine[:, some] = (queries @ offered.T) / lengths.sqrt()
    cosine[torch.arange(len(rows)), torch.from_numpy(rows)] = -torch.inf
    nearest = cosine.sort(dim=1, descending=True, stable=True).indices[:, :K].cpu().numpy()
    return int((nearest == answer.index[rows, 0]).all(axis=1).sum())


def peers(vectors: NDArray[np.float16], asked: int, device: str) -> dict[str, Callable[[], None]]:
    """What others would run on this device."""
    if device == "cuda":
        halves = partial(torch_naive, vectors, asked, device, torch.float16)
        floats = partial(torch_naive, vectors, asked, device, torch.float32)
        return {"torch matmul + topk, float16": halves, "torch matmul + topk, float32": floats}
    naive = partial(torch_naive, vectors, asked, device, torch.float32)
    return {"faiss IndexFlatIP": partial(faiss_flat, vectors, asked), "torch matmul + topk": naive}


def compare(vectors: NDArray[np.float16], device: str, asked: int) -> None:
    """Runs all of them at one size, and prints the lines of the table."""
    images, dimensions = vectors.shape
    fast = getattr(torch, first_precision(device).dtype)
    ours(vectors[:2000], device)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    busy = processor()
    took, answer = seconds(lambda: ours(vectors, device), device)
    busy = processor() - busy
    peak = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0
    assert isinstance(answer, Neighbors)
    rows = {"labelgate": took}
    for name, run in peers(vectors, asked, device).items():
        rows[name] = seconds(run, device)[0] * images / asked
    rows["bound, float32"] = bound(torch.float32, images, dimensions, device)
    rows[f"bound, {first_precision(device).dtype}"] = bound(fast, images, dimensions, device)
    for name, spent in rows.items():
        speed = 2 * images**2 * dimensions / spent / 1e12
        print(f"| {dimensions} | {name} | {spent:.2f} | {speed:,.3g} | {took / spent:.2f} |")
    same = agreeing(vectors, answer, device)
    print(
        f"\nSeconds of the processor: {busy:.1f}; peak of the device: {peak:.1f} GiB; asked again: "
        f"{answer.repeated:,}; {same} of {CHECKED} images have the neighbours of float64.\n",
        flush=True,
    )


def main() -> None:
    """Prints one table a shape and number of dimensions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--dimensions", default="256,512,768")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--asked", type=int)
    parser.add_argument("--shapes")
    given = parser.parse_args()
    device = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    asked = min(given.asked or given.images, given.images)
    print(
        f"{given.images:,} images, k = {K}, {device}, {torch.get_num_threads()} threads; peers are "
        f"asked {asked:,} of them\n"
    )
    usual = neighbor_pool.BLOCKS[given.device]
    for dimensions in map(int, given.dimensions.split(",")):
        vectors = unit_vectors(given.images, dimensions, given.device)
        for shape in (given.shapes or f"{usual.queries}x{usual.candidates}").split(","):
            size = map(int, shape.split("x"))
            neighbor_pool.BLOCKS[given.device] = neighbor_pool.Blocks(*size, usual.numbers)
            print(f"{shape}\n\n| D | search | seconds | TFLOP/s | labelgate / this |")
            print("|---:|---|---:|---:|---:|")
            compare(vectors, given.device, asked)
        if given.device == "cuda" and given.images <= HOST:
            answers = [ours(vectors, device) for device in ("cuda", "cpu")]
            same = [
                np.array_equal(getattr(answers[0], part), getattr(answers[1], part))
                for part in ("index", "similarity")
            ]
            print(f"The same as on the CPU: neighbours {same[0]}, similarities {same[1]}.\n")


if __name__ == "__main__":
    main()
