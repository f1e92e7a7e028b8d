"""Trains the layer of `builtin` that describes views of a picture, and adds it to a weights file.

    python benchmarks/builtin/regions.py --data FOLDER --weights FILE --out FILE

A view is pooled from a window of the map of the whole picture. From that, one linear layer learns
to give the vector that the network gives a crop of the same place, enlarged as a picture of its
own: it must find this crop among crops and wholes of others (InfoNCE), and be near it. All other
tensors stay as they are. The same seed gives the same layer on the same machine.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import torch
from pictures import SEED, Folders, Pictures, crowd_files, read
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from labelgate.fixtures.embedders.builtin import PREPARATION, VIEWS, pool, read_weights

PHOTOGRAPHS = 4000
BLOCKS = [2, 2]
CENTRES = (*product((5 / 16, 11 / 16), repeat=2), (0.5, 0.5))
"""Of the views, y and x, in the order of `builtin.windows`."""

SHARES = 0.5, 0.75
"""Of each side that a crop shows."""

MOVED = 0.1
"""How far a crop's centre may lie from that of its view, in sides of the picture."""

EPOCHS, BATCH, RATE, TEMPERATURE, OTHERS = 30, 512, 2e-3, 0.07, 1500
WARM_UP = 50
"""Steps in which the learning rate grows."""


def crops_of(pictures: Pictures, rng: np.random.Generator) -> Tensor:
    """(n V, S, S, 3) uint8: near each view of each picture one crop, prepared for the network."""
    crops = []
    for picture in pictures:
        sides = np.array(picture.shape[:2])
        for centre in CENTRES:
            share = rng.uniform(*SHARES)
            middle = np.array(centre) + rng.uniform(-MOVED, MOVED, 2)
            middle = middle.clip(share / 2, 1 - share / 2)
            (top, left), (bottom, right) = (
                (sides * (middle + part * share)).round().astype(int) for part in (-0.5, 0.5)
            )
            crops.append(PREPARATION(np.ascontiguousarray(picture[top:bottom, left:right])))
    return torch.from_numpy(np.stack(crops))


def describe(weights: Path, images: Tensor) -> tuple[Tensor, Tensor]:
    """(n, D) vectors of pictures, and (n, V, fields) what is pooled from their views."""
    tensors, layers = read_weights(weights, BLOCKS, "cpu")
    vectors, views = [], []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for batch in images.split(250):
            whole, parts = pool(layers, BLOCKS, batch.permute(0, 3, 1, 2).float() / 64 - 2)
            vectors.append(whole.double() @ tensors["project.weight"].double().T)
            views.append(parts)
    found = torch.cat(vectors) + tensors["project.bias"]
    return functional.normalize(found).float(), torch.cat(views)


def train(views: Tensor, crops: Tensor, wholes: Tensor, layer: torch.nn.Linear) -> None:
    """Fits the layer; a crop of the same picture elsewhere counts neither for nor against.

    Args:
        views: (n, V, fields) standardised.
        crops: (n, V, D) vectors that they should find.
        wholes: (n, D) vectors of the pictures.
        layer: what is trained.
    """
    owners = torch.arange(len(views)).repeat_interleave(VIEWS)
    views, crops = views.flatten(0, 1), crops.flatten(0, 1)
    steps = EPOCHS * (len(views) // BATCH)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=0.02)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / steps)),
    )
    spread = 0.05 * torch.ones(views.shape[1])
    for step in range(steps):
        chosen, others = torch.randint(len(views), (BATCH,)), torch.randint(len(wholes), (OTHERS,))
        found = functional.normalize(layer(torch.normal(views[chosen], spread)))
        sought, owner = torch.cat([crops[chosen], wholes[others]]), owners[chosen]
        same = owner[:, None] == torch.cat([owner, others])
        own = torch.arange(BATCH)
        same[own, own] = False
        logits = (found @ sought.T / TEMPERATURE).masked_fill(same, -torch.inf)
        far = 1 - (found * crops[chosen]).sum(1).mean()
        loss = functional.cross_entropy(logits, own) + 2 * far
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rates.step()
        if step % 100 == 0:
            print(f"step {step:5d} of {steps} loss {loss:.3f} far {far:.3f}", flush=True)


def main() -> None:
    """Writes the weights file with the layer `regions`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    files = crowd_files(Folders(arguments.data))
    chosen = np.random.default_rng(SEED).permutation(len(files))[:PHOTOGRAPHS]
    pictures = read([files[index] for index in sorted(chosen)])
    wholes, views = describe(
        arguments.weights,
        torch.from_numpy(np.stack([PREPARATION(picture) for picture in pictures])),
    )
    crops, _ = describe(arguments.weights, crops_of(pictures, np.random.default_rng(0)))
    spread, middle = torch.std_mean(views.flatten(0, 1), 0)
    tensors = load_file(arguments.weights)
    layer = torch.nn.Linear(views.shape[2], wholes.shape[1])
    with torch.no_grad():
        weight = tensors["project.weight"].float()
        gain = 1 / (views[:, 0] @ weight.T).std()  # any scale is as good: lengths become 1
        layer.weight.copy_(gain * weight * spread)
        layer.bias.copy_(gain * (tensors["project.bias"] + weight @ middle))
    train((views - middle) / spread, crops.view(*views.shape[:2], -1), wholes, layer)
    with torch.no_grad():
        tensors["regions.weight"] = (layer.weight / spread).half().contiguous()
        tensors["regions.bias"] = (layer.bias - (layer.weight / spread) @ middle).half()
    save_file(tensors, arguments.out)


if __name__ == "__main__":
    main()
