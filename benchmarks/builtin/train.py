"""Trains `builtin`: self-supervised copy detection on photographs, on two CPU cores.

    nice -n 5 python benchmarks/builtin/train.py --data FOLDER --out FOLDER --minutes 70

FOLDER holds the unpacked archives of ../shared/data. Two views of each picture must find each
other among all views of the batch and of the last batches (InfoNCE), and descriptors must keep
away from their nearest neighbours (KoLeo). Source: Pizzi et al. 2022, "A Self-Supervised
Descriptor for Image Copy Detection"; the queue of past descriptors is that of Wang et al. 2020,
"Cross-Batch Memory for Embedding Learning".

With --minutes the learning rate follows the clock, so that a busy machine ends in time; with
--steps instead the run can be repeated: batch n depends on the seed and n alone.
"""

import argparse
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.multiprocessing
from network import Network
from pictures import Folders, Pictures, read, training_files
from safetensors.torch import save_file
from torch import Tensor, distributed
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from views import Views

WARM_UP = 0.04
"""Part of the run in which the learning rate grows."""

AVERAGING = 0.998
"""Decay of the running average of the weights, which is what is kept."""


class Batches(Dataset[tuple[Tensor, Tensor]]):
    """Batch n: numbers of pictures (B,) and two views of each, (2 B, S, S, 3)."""

    def __init__(self, pictures: Pictures, views: Views, batch: int, seed: int) -> None:
        """Keeps what batches are drawn from."""
        self.pictures, self.views, self.batch, self.seed = pictures, views, batch, seed

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Draws one batch: each epoch is a permutation of its own."""
        cv2.setNumThreads(0)
        steps = len(self.pictures) // self.batch
        order = np.random.default_rng([self.seed, step // steps]).permutation(len(self.pictures))
        first = step % steps * self.batch
        chosen = order[first : first + self.batch]
        rng = np.random.default_rng([self.seed, 1, step])
        pairs = [self.views.pair(self.pictures[index], rng) for index in chosen]
        views = np.stack([pair[place] for place in (0, 1) for pair in pairs])
        return torch.from_numpy(chosen), torch.from_numpy(views)


class Queue:
    """Descriptors of the last batches, as further strangers."""

    def __init__(self, length: int) -> None:
        """Starts empty; `length` descriptors are kept."""
        self.length = length
        self.vectors, self.numbers = torch.empty(0, 256), torch.empty(0, dtype=torch.int64)

    def push(self, vectors: Tensor, numbers: Tensor) -> None:
        """Adds a batch and drops the oldest."""
        self.vectors = torch.cat([vectors.detach(), self.vectors])[: self.length]
        self.numbers = torch.cat([numbers, self.numbers])[: self.length]


def loss_of(vectors: Tensor, numbers: Tensor, queue: Queue, temperature: float) -> Tensor:
    """InfoNCE: each view has to find the other view of its picture among all strangers."""
    numbers = numbers.repeat(2)
    pool, owners = torch.cat([vectors, queue.vectors]), torch.cat([numbers, queue.numbers])
    logits = vectors @ pool.T / temperature
    views = len(vectors)
    partner = torch.arange(views).roll(views // 2)
    same = numbers[:, None] == owners[None]
    same[torch.arange(views), partner] = False
    return functional.cross_entropy(logits.masked_fill(same, -torch.inf), partner)


def spread_of(vectors: Tensor, numbers: Tensor) -> Tensor:
    """KoLeo: minus the mean log distance to the nearest view of another picture."""
    numbers = numbers.repeat(2)
    with torch.no_grad():
        nearest = (vectors @ vectors.T).masked_fill(numbers[:, None] == numbers, -2).argmax(1)
    return -((vectors - vectors[nearest]).norm(dim=1) + 1e-6).log().mean()


def schedule(arguments: argparse.Namespace) -> Iterator[tuple[int, float]]:
    """Yields step and learning rate until time or steps are used up: warm-up, then a cosine."""
    started, step, done = time.monotonic(), 0, 0.0
    while done < 1:
        rise = min(1.0, (done + 1e-3) / WARM_UP)
        yield step, arguments.rate * rise * 0.5 * (1 + np.cos(np.pi * done))
        step += 1
        if arguments.steps:
            done = step / arguments.steps
        else:
            clock = torch.tensor((time.monotonic() - started) / (60 * arguments.minutes))
            distributed.broadcast(clock, 0)  # all processes have to stop at the same step
            done = float(clock)


def average(kept: Network, network: Network, step: int) -> None:
    """Moves the averaged weights towards the present ones."""
    decay = min(AVERAGING, (step + 1) / (step + 10))
    with torch.no_grad():
        for mean, now in zip(
            kept.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if now.is_floating_point():
                mean.lerp_(now, 1 - decay)


def share(network: Network, processes: int) -> None:
    """Averages gradients over the processes, in one message."""
    if processes == 1:
        return
    gradients = [p.grad for p in network.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient) / processes)


def save(network: Network, arguments: argparse.Namespace) -> None:
    """Writes the weights file and what is needed to go on; the old ones stay whole until then."""
    facts = {key: str(value) for key, value in vars(arguments).items()}
    part = arguments.out / "builtin.part"
    save_file(network.exported(), part, {"trained": json.dumps(facts)})
    part.replace(arguments.out / "builtin.safetensors")
    torch.save(network.state_dict(), part)
    part.replace(arguments.out / "network.pt")


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=70.0)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--fields", type=int, nargs=3, default=(4, 8, 16))
    parser.add_argument("--blocks", type=int, nargs=2, default=(2, 2))
    parser.add_argument("--wide", type=int, default=192)
    parser.add_argument("--forms", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--temperature", type=float, default=0.05)
    parser.add_argument("--spread", type=float, default=2.0)
    parser.add_argument("--queue", type=int, default=8192)
    parser.add_argument("--untouched", type=float, default=0.6)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--start", type=Path)
    return parser.parse_args()


def train(rank: int, arguments: argparse.Namespace) -> None:
    """Trains one of the processes; each has batches, statistics and a queue of its own."""
    distributed.init_process_group(
        "gloo", f"file://{arguments.out}/rendezvous", rank=rank, world_size=arguments.processes
    )
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)
    network = Network(arguments.fields, arguments.blocks, arguments.wide, arguments.forms)
    if arguments.start:
        network.load_state_dict(torch.load(arguments.start, weights_only=True))
    kept = copy.deepcopy(network)
    views = Views(arguments.size, arguments.untouched)
    pictures = read(training_files(Folders(arguments.data)))
    batches = Batches(pictures, views, arguments.batch, arguments.seed + 1000 * rank)
    loader = DataLoader(batches, None, sampler=range(10**6), num_workers=1, prefetch_factor=6)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    optimiser, queue = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98)), Queue(arguments.queue)
    started, drawn = time.monotonic(), iter(loader)
    for step, rate in schedule(arguments):
        numbers, images = next(drawn)
        for group in optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            vectors = network(images)
        contrast = loss_of(vectors, numbers, queue, arguments.temperature)
        spread = spread_of(vectors, numbers)
        optimiser.zero_grad()
        (contrast + arguments.spread * spread).backward()
        share(network, arguments.processes)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        queue.push(vectors, numbers.repeat(2))
        average(kept, network, step)
        if rank == 0 and step % 50 == 0:
            seconds = time.monotonic() - started
            pace = (step + 1) * len(images) * arguments.processes / seconds
            told = f"contrast {contrast:.3f} spread {spread:.3f} rate {rate:.1e}"
            print(f"{seconds:6.0f} s step {step:5d} {told} {pace:.0f} views/s", flush=True)
        if rank == 0 and step % 200 == 199:
            save(kept, arguments)
    if rank == 0:
        save(kept, arguments)


def main() -> None:
    """Trains and writes `builtin.safetensors` every 200 steps."""
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "rendezvous").unlink(missing_ok=True)
    torch.multiprocessing.spawn(train, (arguments,), arguments.processes)


if __name__ == "__main__":
    main()
