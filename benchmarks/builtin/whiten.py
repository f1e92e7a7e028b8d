"""Whitens the descriptors of a trained network, and writes the weights file of the package.

    python benchmarks/builtin/whiten.py --data FOLDER --trained FOLDER --out FILE

The principal components of the descriptors of 5,000 training photographs are scaled to one spread,
the weak ones less than that; the product is folded into the last layer. Source: Jégou and Chum
2012, "Negative Evidences and Co-occurences in Image Retrieval: The Benefit of PCA and Whitening".
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from network import Network
from pictures import SEED, Folders, crowd_files, read
from safetensors.torch import save_file

from labelgate.fixtures.embedders.builtin import PREPARATION

PHOTOGRAPHS = 5000
REGULAR = 0.1
"""Added to the spread of each component, as a share of the mean spread."""


def whiten(network: Network, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """The exported tensors, with a last layer that whitens.

    Args:
        network: trained.
        images: (n, S, S, 3) uint8, what the components are those of.
    """
    tensors = network.exported()
    pooled: list[torch.Tensor] = []
    handle = network.project.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    with torch.inference_mode():
        for batch in images.split(500):
            network(batch)
    handle.remove()
    with torch.no_grad():
        vectors = network.project(torch.cat(pooled)).double()
        spread, axes = torch.linalg.eigh(vectors.T.cov())
        kept = torch.arange(len(spread)).flip(0)[: network.project.in_features]
        scaled = axes[:, kept] / (spread[kept] + REGULAR * spread.mean()).sqrt()
        scaled /= scaled.norm(dim=0).max()  # products are cosines: only ratios matter
        gain = (network.centre.running_var + network.centre.eps).rsqrt()
        project = (network.project.weight * gain).double()
        bias = network.project.bias - project @ network.centre.running_mean.double()
        tensors["project.weight"] = (scaled.T @ project).half().contiguous()
        tensors["project.bias"] = (scaled.T @ (bias - vectors.mean(0))).half().contiguous()
    return tensors


def main() -> None:
    """Whitens one trained network of the default architecture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    network = Network((4, 8, 16), (2, 2), 192, 8).eval()
    network.load_state_dict(torch.load(arguments.trained / "network.pt", weights_only=True))
    files = crowd_files(Folders(arguments.data))
    chosen = np.random.default_rng(SEED).permutation(len(files))[:PHOTOGRAPHS]
    pictures = read([files[index] for index in sorted(chosen)])
    images = torch.from_numpy(np.stack([PREPARATION(picture) for picture in pictures]))
    save_file(whiten(network, images), arguments.out)


if __name__ == "__main__":
    main()
