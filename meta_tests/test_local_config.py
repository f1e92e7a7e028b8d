"""Local checkpoints of strangers: their configuration names no code, no file and no model."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from random_networks import one_sentence
from tiny_clip import CONFIG, write_checkpoint

from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.checkpoint import find_checkpoint
from labelgate.fixtures.errors import EmbedderError
from labelgate.fixtures.predictors.text_tower import load_tokenizer

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "clip")


def describe(folder: Path, vision: Mapping[str, Any], text: Mapping[str, Any], **how: Any) -> str:  # noqa: ANN401
    """Rewrites the configuration with other keys; returns the embedder."""
    towers = {"vision_cfg": CONFIG["vision_cfg"] | vision, "text_cfg": CONFIG["text_cfg"] | text}
    told = {"model_cfg": {**CONFIG, **towers}, "preprocess_cfg": how}
    (folder / "open_clip_config.json").write_text(json.dumps(told))
    return f"open_clip:{folder}"


@pytest.mark.parametrize(
    ("vision", "text"),
    [
        ({}, {"tokenizer_kwargs": {"trust_remote_code": True}, "hf_tokenizer_name": "here"}),
        ({}, {"tokenizer_kwargs": {"bpe_path": "/etc/passwd"}}),
        ({}, {"tokenizer_kwargs": None}),
        ({}, {"hf_model_name": "some/model"}),
        ({"timm_model_name": "hf-hub:some/model"}, {}),
        ({"timm_model_name": "local-dir:/etc"}, {}),
        ({"image_size": 4097}, {}),
        ({"image_size": 0}, {}),
        ({"layers": -1}, {}),
    ],
)
def test_a_configuration_that_leads_elsewhere_is_refused_before_anything_is_built(
    folder: Path, vision: dict[str, Any], text: dict[str, Any]
) -> None:
    name = describe(folder, vision, text)
    with pytest.raises(EmbedderError, match="is no configuration") as error:
        find_checkpoint(name)
    assert one_sentence(error.value)


@pytest.mark.parametrize(
    "how",
    [
        {"resize_mode": "other"},
        {"interpolation": "nearest"},
        {"mean": [0.5, 0.5]},
        {"mean": ["a", "b", "c"]},
        {"std": [1, 0, 1]},
        {"mean": [0.5, 0.5, float("nan")]},
        {"fill_color": 256},
    ],
)
def test_pictures_are_prepared_in_no_way_that_cannot_be(folder: Path, how: dict[str, Any]) -> None:
    name = describe(folder, {}, {}, **how)
    with pytest.raises(EmbedderError, match="preprocess_cfg") as error:
        find_checkpoint(name)
    assert one_sentence(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"model_cfg": ' * 9_999, "9" * 9_999, "\x1b[2J"])
def test_a_document_that_costs_more_than_it_says_is_one_sentence(folder: Path, text: str) -> None:
    (folder / "open_clip_config.json").write_text(text)
    with pytest.raises(EmbedderError, match="is no configuration") as error:
        find_checkpoint(f"open_clip:{folder}")
    assert one_sentence(error.value)


@pytest.mark.parametrize(
    ("vision", "text", "told"),
    [
        ({"layers": 10**9}, {}, "layers of"),
        ({"layers": [10**9, 1, 1, 1]}, {}, "layers of"),
        ({}, {"layers": 10**9}, "layers of"),
        ({"width": 2**16}, {}, "numbers, it holds"),
        ({}, {"vocab_size": 10**9}, "numbers, it holds"),
        ({}, {"context_length": 10**6}, "numbers, it holds"),
        ({"image_size": 4096, "patch_size": 1, "pos_embed_type": "sin_cos_2d"}, {}, "it holds"),
        ({"width": 10**30}, {}, "cannot be used"),
    ],
)
def test_a_network_that_its_weights_cannot_fill_is_never_built(
    folder: Path, vision: dict[str, Any], text: dict[str, Any], told: str
) -> None:
    name = describe(folder, vision, text)
    with pytest.raises(EmbedderError, match=told) as error:
        load_embedder(name, "cpu")
    assert one_sentence(error.value)


def test_another_size_of_picture_is_no_larger_network(folder: Path) -> None:
    name = describe(folder, {"image_size": 48}, {})
    assert load_embedder(name, "cpu").preparation.size == 48


def test_a_tokenizer_of_transformers_runs_no_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def answer(source: Path, **given: Any) -> SimpleNamespace:  # noqa: ANN401
        asked.append(given | {"source": source})
        return SimpleNamespace()

    library = ModuleType("transformers")
    library.AutoTokenizer = SimpleNamespace(from_pretrained=answer)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", library)
    describe(folder, {}, {"hf_tokenizer_name": "some/model"})
    load_tokenizer("it", f"local-dir:{folder}")
    assert asked == [{"source": folder, "cache_dir": None, "trust_remote_code": False}]
