"""Stages beside the programs that do the like: whole processes, in turn, on the same input.

    python benchmarks/peers.py --work FOLDER --peers PYTHON [--rounds 3] [--only PART ...]

`PYTHON` is an interpreter of an environment of its own with the peers that pin versions (`pip
install cleanvision imagededup cleanlab`). Duplicates are sought from an empty store: decoding,
hashes, verdicts and report are in it. Ratios are the medians of those of the seconds of each round;
`--only` leaves other parts out.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from data import full_size, unpack
from label_errors import make_dataset, write_probabilities
from neighbors import unit_vectors

CLEANVISION = """
import sys
from cleanvision import Imagelab
if __name__ == "__main__":
    Imagelab(data_path=sys.argv[1]).find_issues({sys.argv[2]: {}}, n_jobs=2, verbose=False)
"""

IMAGEDEDUP = """
import sys
from imagededup.methods import PHash
if __name__ == "__main__":
    method = PHash(verbose=False)
    hashes = method.encode_images(sys.argv[1], recursive=True, num_enc_workers=2)
    method.find_duplicates(
        encoding_map=hashes, max_distance_threshold=int(sys.argv[2]), num_dist_workers=2)
"""

CLEANLAB = """
import sys
import numpy as np
from cleanlab.filter import find_label_issues
if __name__ == "__main__":
    said, label = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("said", "label"))
    print(find_label_issues(label, said, filter_by="confident_learning", n_jobs=2).sum())
"""

CONFIDENT = """
import sys
from pathlib import Path
import numpy as np
from labelgate.fixtures.confident_learning import doubt_labels
from labelgate.fixtures.probabilities import OutOfSample
said, label = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("said", "label"))
blocks = lambda rows: (said[rows[i : i + 1000]] for i in range(0, len(rows), 1000))
told = OutOfSample("net", np.arange(len(said)), blocks)
print(doubt_labels(told, label, said.shape[1]).doubted.sum())
"""

NEIGHBORS = """
import sys
import numpy as np
import neighbors
vectors = np.load(sys.argv[1])
{}
"""

Runs = dict[str, list[str]]
"""The command of labelgate, which stands first, and of each peer."""


def photographs(work: Path, peers: str) -> Iterator[tuple[str, Runs]]:
    """Exact and near duplicates among photographs of full size, exact ones among small pictures."""
    large, small = full_size(work, copies=10), unpack("cifar10_dev", work)
    check = [sys.executable, "-m", "labelgate.plugins.command", "check"]
    ends = [f"--store={work / 'peer-store'}", f"--report={work / 'peer-report'}", "-q"]
    for name, root, kind, distance in (
        ("exact duplicates, 2,500 photographs", large, "exact_duplicates", "0"),
        ("exact duplicates, 30,000 of 32 x 32", small, "exact_duplicates", "0"),
        ("near duplicates, 2,500 photographs", large, "near_duplicates", "10"),
    ):
        yield (
            name,
            {
                "labelgate": [*check, str(root), "-k", kind, *ends],
                "cleanvision": [peers, "-c", CLEANVISION, str(root), kind],
                "imagededup (pHash)": [peers, "-c", IMAGEDEDUP, str(root), distance],
            },
        )


def vectors(work: Path, _: str) -> Iterator[tuple[str, Runs]]:
    """The five nearest others of each vector, exact."""
    file = work / "peer-vectors.npy"
    np.save(file, unit_vectors(60_000, 768, "cpu"))
    calls = {
        "labelgate": "neighbors.ours(vectors, 'cpu')",
        "faiss IndexFlatIP": "neighbors.faiss_flat(vectors, len(vectors))",
        "torch matmul + topk": "import torch\n"
        "neighbors.torch_naive(vectors, len(vectors), 'cpu', torch.float32)",
    }
    runs = {n: [sys.executable, "-c", NEIGHBORS.format(c), str(file)] for n, c in calls.items()}
    yield "neighbours, 60,000 x 768, k = 5", runs


def probabilities(work: Path, peers: str) -> Iterator[tuple[str, Runs]]:
    """Labels that a predictor confidently contradicts."""
    folder, rng = work / "peer-probabilities", np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    dataset = make_dataset(200_000, 1000, rng)
    write_probabilities(dataset, "float32", folder, rng)
    np.save(folder / "label.npy", dataset.label_index)
    yield (
        "label errors, 200,000 x 1,000 classes",
        {
            "labelgate": [sys.executable, "-c", CONFIDENT, str(folder)],
            "cleanlab": [peers, "-c", CLEANLAB, str(folder)],
        },
    )


PARTS: dict[str, Callable[[Path, str], Iterator[tuple[str, Runs]]]] = {
    "duplicates": photographs,
    "neighbours": vectors,
    "label-errors": probabilities,
}


def seconds(command: list[str], work: Path) -> float:
    """Runs a whole process, from an empty store; returns how long it took."""
    shutil.rmtree(work / "peer-store", ignore_errors=True)
    variables = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    started = time.perf_counter()
    done = subprocess.run(command, env=variables, capture_output=True, check=False, cwd=work)
    took = time.perf_counter() - started
    if done.returncode not in (0, 1) or b"Traceback" in done.stderr:
        raise SystemExit(done.stderr.decode())
    return took


def row(what: str, runs: Runs, rounds: int, work: Path) -> str:
    """A row for each peer: medians, and the median of the ratios."""
    times = [
        {name: seconds(command, work) for name, command in runs.items()} for _ in range(rounds)
    ]
    ours, *others = runs
    return "\n".join(
        f"| {what} | {statistics.median(t[ours] for t in times):.1f} | {peer} |"
        f" {statistics.median(t[peer] for t in times):.1f} |"
        f" {statistics.median(t[ours] / t[peer] for t in times):.2f} |"
        for peer in others
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    work = given.work.resolve()
    print("| what | labelgate, s | peer | peer, s | labelgate / peer |")
    print("|---|---:|---|---:|---:|")
    for part in given.only:
        for what, runs in PARTS[part](work, given.peers):
            print(row(what, runs, given.rounds, work), flush=True)


if __name__ == "__main__":
    main()
