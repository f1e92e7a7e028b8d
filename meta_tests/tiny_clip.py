"""A CLIP model of open_clip's own classes with random weights, small enough for any test."""

import json
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def write_checkpoint(folder: Path, seed: int = 0, **changed: Any) -> Path:  # noqa: ANN401
    """Writes a local checkpoint as open_clip does for the hub; `changed` is laid over `CONFIG`."""
    import torch
    from safetensors.torch import save_file

    from labelgate.fixtures.torchvision_cure import import_torchvision

    import_torchvision()
    from open_clip import CLIP

    config = CONFIG | changed
    described = {"model_cfg": config, "preprocess_cfg": {"mean": [0.4, 0.5, 0.6]}}
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    torch.manual_seed(seed)
    save_file(CLIP(**config).state_dict(), folder / "open_clip_model.safetensors")
    return folder
