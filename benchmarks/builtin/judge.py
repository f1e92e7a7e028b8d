"""Judges `builtin` by planted copies of photographs that it never saw, beside other descriptors.

    python benchmarks/builtin/judge.py --data FOLDER --work FOLDER [--weights FILE] [--sheets DIR]

Each photograph is altered in every way of `labelgate.fixtures.alterations`. A copy is found where
it is more similar to its photograph than any pair of strangers is (no false pair), or all but one
in a million of them. Strangers are all pairs of versions of different photographs.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from pictures import Folders, crowd_files, full_size_files, small_files, tuning_files
from PIL import Image
from planted import Described, plant
from scores import Strangers, Vectors, planted, rank, signs, strangers, unit

from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.embedders import Embedder
from labelgate.fixtures.embedders.builtin import load_builtin

SAME: tuple[frozenset[str], ...] = ()
"""Photographs that show the same picture, as we saw with our own eyes (names without suffix)."""

SETS = {"full": full_size_files, "small": small_files, "tuning": tuning_files}
TAUS = (0.2, 0.3, 0.4, 0.5)
"""Cosine distances at which recall is shown."""


def embed(embedder: Embedder, images: Described | np.ndarray) -> Vectors:
    """(V, N, S, S, 3) to (V, N, D) float32."""
    batches = torch.from_numpy(images).flatten(0, 1).split(512)
    vectors = torch.cat([embedder.encode(batch) for batch in batches])
    return vectors.numpy().reshape(*images.shape[:2], -1)


def groups(files: list[Path]) -> np.ndarray:
    """(N,) int64: the same number for photographs that are really one."""
    numbers = np.arange(len(files))
    place = {file.stem: number for number, file in enumerate(files)}
    for names in SAME:
        known = [place[name] for name in names if name in place]
        numbers[known] = min(known, default=0)
    return numbers


def descriptors(kept: Described, embedder: Embedder) -> dict[str, tuple[Vectors, Vectors | None]]:
    """Every descriptor: its vectors, and the forms of which the best counts."""
    found: dict[str, tuple[Vectors, Vectors | None]] = {
        "builtin": (embed(embedder, kept["input"]), None),
        "16x16 RGB": (unit(kept["16x16 RGB"], centred=True), None),
        "32x32 grey": (unit(kept["32x32 grey"], centred=True), None),
        "pHash": (signs(kept["pHash"]), None),
    }
    if "PDQ, eight forms" in kept:
        forms = signs(kept["PDQ, eight forms"])
        found["PDQ"] = forms[:, :, 0], None
        found["PDQ, eight forms"] = forms[:, :, 0], forms
    return found


def table(names: list[str], columns: dict[str, np.ndarray]) -> None:
    """Prints recall by alteration (rows) and descriptor or rule (columns), with their mean."""
    print("| alteration | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for row, name in enumerate([*names, "**all**"]):
        part = slice(row, row + 1) if row < len(names) else slice(None)
        cells = (f"{column[part].mean():.3f}" for column in columns.values())
        print(f"| {name} | " + " | ".join(cells) + " |")


def show(others: Strangers, files: list[Path], path: Path) -> None:
    """Draws the most similar strangers, photograph beside photograph, ten pairs a row."""
    seen = list(dict.fromkeys(tuple(sorted(pair)) for pair in others.photograph.tolist()))[:60]
    sheet = Image.new("RGB", (10 * 200, 6 * 100))
    for number, pair in enumerate(seen):
        for side, photograph in enumerate(pair):
            with Image.open(files[photograph]) as image:
                small = image.convert("RGB").resize((96, 96))
            sheet.paste(small, (number % 10 * 200 + 97 * side, number // 10 * 100))
    sheet.save(path)
    print(f"{path}:", [(files[a].stem, files[b].stem) for a, b in seen[:20]])


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["full", "small"])
    parser.add_argument("--alone", action="store_true", help="only builtin")
    return parser.parse_args()


def judge(name: str, embedder: Embedder, arguments: argparse.Namespace) -> None:
    """Prints the tables of one set of photographs."""
    folders, size = Folders(arguments.data), embedder.preparation.size
    files = SETS[name](folders)
    kept = plant(files, size, True, arguments.work / f"{name}_{size}.npz")
    crowd = plant(crowd_files(folders), size, False, arguments.work / f"crowd_{size}.npz")
    names, same = [alteration.name for alteration in ALTERATIONS], groups(files)
    none, million = {}, {}
    for title, (vectors, forms) in descriptors(kept, embedder).items():
        if arguments.alone and title != "builtin":
            continue
        others, alike = strangers(vectors, same, forms), planted(vectors, forms)
        none[title], million[title] = alike > others.limit(0), alike > others.limit(1e-6)
        print(f"\n{name}, {title}: {len(files)} photographs, {others.pairs:,} pairs of strangers")
        print(f"limits {others.limit(0):.4f} {others.limit(1e-6):.4f}, recall", end=" ")
        print(f"{none[title].mean():.4f} {million[title].mean():.4f}", flush=True)
        if title == "builtin":
            if arguments.sheets:
                show(others, files, arguments.sheets / f"strangers_{name}.png")
            ranks = rank(vectors, embed(embedder, crowd["input"])[0])
            columns = {"no false pair": none[title], "one in a million": million[title]}
            columns |= {"among 5 nearest": ranks < 5, "nearest": ranks < 1}
            columns |= {f"distance <= {tau}": alike >= 1 - tau for tau in TAUS}
            table(names, columns)
            passed = {tau: int((others.similarity >= 1 - tau).sum()) for tau in TAUS}
            print("strangers within tau:", passed)
    if not arguments.alone:
        print("\nAt no false pair:")
        table(names, none)
        print("\nAt one false pair in a million:")
        table(names, million)


def main() -> None:
    """Judges one weights file."""
    arguments = parse()
    torch.set_num_threads(2)
    embedder = load_builtin("cpu", arguments.weights) if arguments.weights else load_builtin("cpu")
    for name in arguments.sets:
        judge(name, embedder, arguments)


if __name__ == "__main__":
    main()
