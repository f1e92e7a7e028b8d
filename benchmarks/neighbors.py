"""Seconds of the exact search for neighbours, beside faiss, plain torch and the bare product.

    python benchmarks/neighbors.py [--images 60000] [--dimensions 256,512,768] [--device cpu]

All search the k = 5 nearest others of every image among all images, in one process, in turn. The
bounds are the time of the bare matrix product at the speed measured here, in float32 and in the
type that the device multiplies fastest. Vectors are random and of unit length: no neighbour stands
out, which is hard for a rounded product.
"""

import argparse
import time
from collections.abc import Callable

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from labelgate.fixtures.neighbor_proposals import CANDIDATES, QUERIES, first_precision, multiply
from labelgate.fixtures.neighbors import Neighbors, nearest_others

K = 5


def unit_vectors(images: int, dimensions: int) -> NDArray[np.float16]:
    """Draws random vectors of length one, with a seed."""
    vectors = np.random.default_rng(0).standard_normal((images, dimensions), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16)


def ours(vectors: NDArray[np.float16], device: str) -> Neighbors:
    """Our search, of all in one segment."""
    items = np.arange(len(vectors))
    return nearest_others(vectors, items, items, np.zeros_like(items), 1, K, device)


def faiss_flat(vectors: NDArray[np.float16]) -> NDArray[np.int64]:
    """The exact index of faiss, on the CPU; each query finds itself as well."""
    normalised = vectors.astype(np.float32)
    normalised /= np.linalg.norm(normalised, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(normalised)
    found: NDArray[np.int64] = index.search(normalised, K + 1)[1]
    return found


def torch_naive(vectors: NDArray[np.float16], device: str) -> torch.Tensor:
    """What one would write in torch: blocks of products in float32, and topk."""
    everything = torch.from_numpy(vectors).to(device).float()
    blocks = everything.split(1024)
    return torch.cat([(block @ everything.T).topk(K + 1, dim=1).indices for block in blocks])


def bound(dtype: torch.dtype, images: int, dimensions: int, device: str) -> float:
    """Seconds of the bare products of all by all, at the best speed of five large ones."""
    shape = QUERIES[device], min(CANDIDATES, images)
    left = torch.randn(shape[0], dimensions, device=device).to(dtype)
    right = torch.randn(shape[1], dimensions, device=device).to(dtype)
    product = torch.empty(shape, dtype=dtype, device=device)
    best = min(seconds(lambda: multiply(left, right, product), device)[0] for _ in range(5))
    return best * images**2 / (shape[0] * shape[1])


def seconds(run: Callable[[], object], device: str) -> tuple[float, object]:
    """Times one call, with the work that a GPU still has to do."""
    started = time.perf_counter()
    result = run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started, result


def compare(images: int, dimensions: int, device: str) -> None:
    """Runs all of them at one size, and prints the lines of the table."""
    vectors = unit_vectors(images, dimensions)
    fast = getattr(torch, first_precision(device).dtype)
    ours(vectors[:2000], device)
    took, answer = seconds(lambda: ours(vectors, device), device)
    flat, expected = seconds(lambda: faiss_flat(vectors), device)
    rows = {
        "labelgate": took,
        "faiss IndexFlatIP (CPU)": flat,
        "torch matmul + topk": seconds(lambda: torch_naive(vectors, device), device)[0],
        "bound, float32": bound(torch.float32, images, dimensions, device),
        f"bound, {first_precision(device).dtype}": bound(fast, images, dimensions, device),
    }
    assert isinstance(answer, Neighbors)
    assert isinstance(expected, np.ndarray)
    same = np.mean([np.isin(a[0], b).all() for a, b in zip(answer.index, expected, strict=True)])
    for name, spent in rows.items():
        speed = 2 * images**2 * dimensions / spent / 1e9
        print(f"| {dimensions} | {name} | {spent:.2f} | {speed:,.0f} | {took / spent:.2f} |")
    print(f"\nAsked again: {answer.repeated}; same neighbours as faiss: {same:.4%} of images.\n")


def main() -> None:
    """Prints one table a number of dimensions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--dimensions", default="256,512,768")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = parser.parse_args()
    device = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    print(f"{given.images:,} images, k = {K}, {device}, {torch.get_num_threads()} threads\n")
    for dimensions in map(int, given.dimensions.split(",")):
        print("| D | search | seconds | GFLOP/s | labelgate / this |\n|---:|---|---:|---:|---:|")
        compare(given.images, dimensions, given.device)


if __name__ == "__main__":
    main()
