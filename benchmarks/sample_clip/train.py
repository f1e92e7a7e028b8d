"""Trains the small CLIP of the sample dataset on captions of our own drawings.

    python benchmarks/sample_clip/train.py --out fixtures/sample/clip

Writes a folder that open_clip loads as `local-dir:FOLDER`. README.md beside it has the results.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captions import NAMES
from numpy.typing import NDArray
from pictures import SIDE, draw_pictures
from safetensors.torch import save as serialize
from torch.nn.functional import cross_entropy, normalize

from labelgate.fixtures.torchvision_cure import import_torchvision

import_torchvision()

import open_clip  # noqa: E402
from open_clip.model import CLIP  # noqa: E402
from open_clip.tokenizer import SimpleTokenizer  # noqa: E402

MODEL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": SIDE, "layers": [1, 1, 1, 1], "width": 12, "head_width": 96},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
MEAN = STD = (0.5, 0.5, 0.5)
PREPROCESS = {
    "mean": MEAN,
    "std": STD,
    "interpolation": "bicubic",
    "resize_mode": "squash",
}
HARD = ("elephant", "laptop", "notebook", "tusker")
"""Kinds that are shown twice as often: each differs from another one in little."""
BATCH, RATE, DECAY = 96, 4e-3, 0.02
MARGIN = 4
"""Pixels by which a drawing is moved at most, to either side."""
SHARPEST = float(np.log(100))
"""Largest logarithm of the scale of logits. Source: Radford et al. (2021), section 2.5."""


def train(pictures: NDArray[np.uint8], steps: int, seed: int) -> CLIP:
    """Trains on pairs of a drawing and a caption that is true of it.

    Args:
        pictures: (kinds of `NAMES`, n, SIDE, SIDE, 3) uint8.
        steps: batches.
        seed: decides weights, pairs and captions.

    Returns:
        The model, ready to be run.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = CLIP(**MODEL).to(memory_format=torch.channels_last)
    torch.nn.init.normal_(model.visual.attnpool.positional_embedding, std=0.01)
    tokens = SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.15)
    started, told = time.perf_counter(), 0.0
    for step in range(steps):
        kinds, images, texts = _batch(pictures, tokens, rng)
        seen, read = model.encode_image(images, normalize=True), model.encode_text(texts, True)
        loss = _loss(model.logit_scale.exp() * seen @ read.T, kinds)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        model.logit_scale.data.clamp_(max=SHARPEST)
        told = loss.item() if step == 0 else 0.98 * told + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"{step}: loss {told:.3f}, {time.perf_counter() - started:.0f} s", flush=True)
    return model.eval()


def _batch(
    pictures: NDArray[np.uint8], tokens: SimpleTokenizer, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns kinds (B,), images (B, 3, SIDE, SIDE), and the tokens of a caption of each."""
    often = np.array([2 if kind in HARD else 1 for kind in NAMES])
    kinds = rng.choice(len(NAMES), size=BATCH, p=often / often.sum())
    chosen = pictures[kinds, rng.integers(pictures.shape[1], size=BATCH)]
    padded = np.pad(chosen, ((0, 0), (MARGIN,) * 2, (MARGIN,) * 2, (0, 0)), mode="edge")
    y, x = rng.integers(2 * MARGIN + 1, size=2)
    moved = padded[:, y : y + SIDE, x : x + SIDE]
    images = torch.from_numpy(moved.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)
    light = torch.from_numpy(rng.uniform(0.85, 1.15, size=(BATCH, 1, 1, 1)).astype(np.float32))
    names = [tuple(each.items()) for each in NAMES.values()]
    captions = [_caption(names[kind], rng) for kind in kinds.tolist()]
    images = (images * light).to(memory_format=torch.channels_last)
    return torch.from_numpy(kinds), images, tokens(captions)


def _caption(names: tuple[tuple[str, int], ...], rng: np.random.Generator) -> str:
    words, times = zip(*names, strict=True)
    name = str(rng.choice(words, p=np.array(times) / sum(times)))
    templates = open_clip.OPENAI_IMAGENET_TEMPLATES
    return str(templates[int(rng.integers(len(templates)))](name))


def _loss(logits: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """CLIP's symmetric loss; captions of other drawings of the same kind are right, too.

    Source: Khosla et al., Supervised contrastive learning (2020), for several right ones.
    """
    same = (kinds[:, None] == kinds[None]).float()
    target = same / same.sum(1, keepdim=True)
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def save(model: CLIP, folder: Path) -> None:
    """Writes weights as float16, and the configuration that open_clip reads beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
    used = _used_tokens()
    kept = torch.zeros_like(weights["token_embedding.weight"])
    kept[used] = weights["token_embedding.weight"][used]
    weights["token_embedding.weight"] = kept
    halves = {n: v.half().contiguous() if v.is_floating_point() else v for n, v in weights.items()}
    (folder / "open_clip_model.safetensors").write_bytes(serialize(halves))
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_bytes((json.dumps(config, indent=1) + "\n").encode())


def _used_tokens() -> torch.Tensor:
    """Returns every token of every caption; the vectors of all others were never trained."""
    tokens = SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
    names = {name for each in NAMES.values() for name in each}
    templates = open_clip.OPENAI_IMAGENET_TEMPLATES
    return tokens([prompt(name) for name in sorted(names) for prompt in templates]).unique()


def accuracy(model: CLIP, pictures: NDArray[np.uint8]) -> dict[str, float]:
    """Zero-shot accuracy of each kind by its most frequent name, among those of all kinds."""
    tokens = SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
    names = [max(each, key=lambda name: each[name]) for each in NAMES.values()]
    with torch.inference_mode():
        texts = torch.stack(
            [
                normalize(model.encode_text(tokens(prompts), True).mean(0), dim=0)
                for prompts in [[t(n) for t in open_clip.OPENAI_IMAGENET_TEMPLATES] for n in names]
            ]
        )
        found = {}
        for number, name in enumerate(NAMES):
            images = torch.from_numpy(pictures[number].transpose(0, 3, 1, 2) / np.float32(127.5))
            best = (model.encode_image(images - 1, True) @ texts.T).argmax(1)
            found[name] = float((best == number).float().mean())
    return found


def main() -> None:
    """Draws, trains, saves, and prints the accuracy on drawings that were held out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=600, help="drawings of each kind")
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    started = time.perf_counter()
    pictures = draw_pictures(given.seed, given.count)
    print(f"{pictures.shape[0] * given.count} drawings in {time.perf_counter() - started:.0f} s")
    model = train(pictures, given.steps, given.seed)
    save(model, given.out)
    held_out = draw_pictures(given.seed + 1, 60)
    for name, share in accuracy(model, held_out).items():
        print(f"{name}: {share:.2f}")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
