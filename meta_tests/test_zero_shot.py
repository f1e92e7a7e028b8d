"""Zero-shot predictions: those of open_clip itself, stored, and told when they cannot be had."""

import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_clip import CONFIG, write_checkpoint

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.decode_pass import Pixels
from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.names import check_name
from labelgate.fixtures.embedders.open_clip_model import import_open_clip
from labelgate.fixtures.errors import DatasetError, EmbedderError
from labelgate.fixtures.out_of_sample import from_names
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.predictions import K, Predictions
from labelgate.fixtures.predictors import scoring
from labelgate.fixtures.predictors.prompts import (
    fill,
    name_sets,
    official_names,
    owners,
    synonyms,
)
from labelgate.fixtures.predictors.readings import predict_zero_shot
from labelgate.fixtures.predictors.scoring import score_blocks
from labelgate.fixtures.predictors.texts import Texts, measure_texts
from labelgate.fixtures.predictors.zero_shot import open_zero_shot
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.store import open_store

torch = pytest.importorskip("torch")
open_clip = import_open_clip()

Python = Callable[..., "CompletedProcess[str]"]
Measured = tuple[Dataset, Pixels]
Measure = Callable[..., Measured]
Draw = Callable[[Path, Mapping[str, int]], Path]
Clip = tuple[Any, Any, Any]
"""A model, its transform and its tokenizer."""

CAPS = Caps(89_478_485, 2**28)
NAMES = {"ant": "ant", "bee": "honey bee", "crane": "crane", "crane_2": "crane", "dam": ""}


def silent(_title: str, _total: int | None) -> Any:  # noqa: ANN401
    return nullcontext(lambda done: None)


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return text.endswith(".") and "\n" not in text and len(text) < 500


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("clip") / "tiny", quick_gelu=True)


@pytest.fixture(scope="module")
def whole(checkpoint: Path) -> Clip:
    """What open_clip itself loads of the folder."""
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{checkpoint}")
    return model.eval(), transform, open_clip.get_tokenizer(f"local-dir:{checkpoint}")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, measure: Measure) -> Measured:
    """Four noisy pictures a class, and one file that is none."""
    root, random = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for label in NAMES:
        for number in range(4):
            file = root / "data" / "val" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            colour = random.integers(0, 256, 3)
            noise = random.integers(-60, 60, (40, 50, 3)) + colour
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(file)
    (root / "data" / "val" / "ant" / "broken.png").write_bytes(b"no picture")
    dataset, pixels = measure(root / "data", root / "pixels")
    return replace(dataset, class_columns={"name": NAMES}), pixels


def ask(
    function: Callable[..., Any],
    measured: Measured,
    folder: Path,
    store: Path,
    **changed: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    dataset, pixels = measured
    asked = types.SimpleNamespace(
        engine=LOCAL, workers=0, device="cpu", predictor_folder=folder.parent
    )
    given = (replace(dataset, **changed), pixels, open_store(store), CAPS, asked, silent)
    return function(f"open_clip:{folder.name}", *given)


def predict(name: str, dataset: Dataset, *given: Any) -> Predictions:  # noqa: ANN401
    return predict_zero_shot(name, dataset, lambda name: open_zero_shot(name, dataset, *given))


# the same as open_clip


def expected_logits(
    whole: Clip,
    dataset: Dataset,
    names: Sequence[str],
    templates: Sequence[Any],
    images: Sequence[int],
) -> np.ndarray:
    """Logits by open_clip's own functions, in float32 from pictures to product."""
    model, transform, tokenizer = whole
    pictures = []
    for image in images:
        with Image.open(dataset.root / dataset.paths[image]) as picture:
            pictures.append(transform(picture.convert("RGB")))
    with torch.no_grad():
        texts = open_clip.build_zero_shot_classifier(model, tokenizer, names, templates)
        features = model.encode_image(torch.stack(pictures), normalize=True)
        logits = model.logit_scale.exp() * features @ texts
        bias = 0 if model.logit_bias is None else model.logit_bias
        return (logits + bias).numpy()


@pytest.mark.parametrize("templates", [(), ("a photo of a {}.", "{}", "{} by night")])
def test_scores_are_the_logits_of_open_clip(
    checkpoint: Path, whole: Clip, measured: Measured, tmp_path: Path, templates: tuple[str, ...]
) -> None:
    found = ask(predict, measured, checkpoint, tmp_path, templates=templates)
    dataset = measured[0]
    images = [i for i, path in enumerate(dataset.paths) if "broken" not in path]
    names = ("ant", "honey bee", "crane", "crane", "dam")
    usual = templates or open_clip.OPENAI_IMAGENET_TEMPLATES
    logits = expected_logits(whole, dataset, names, usual, images)
    theirs = np.take_along_axis(logits, found.top[images].astype(np.int64), 1)
    np.testing.assert_allclose(found.scores[images], theirs, atol=0.02)  # vectors have 16 bits
    np.testing.assert_allclose(found.scores[images], -np.sort(-logits, axis=1), atol=0.02)


def test_probabilities_out_of_sample_are_the_softmax_of_open_clip(
    checkpoint: Path, whole: Clip, measured: Measured, tmp_path: Path
) -> None:
    said = from_names(ask(open_zero_shot, measured, checkpoint, tmp_path), measured[0])
    images = [i for i, path in enumerate(measured[0].paths) if "broken" not in path]
    names, usual = (
        ("ant", "honey bee", "crane", "crane", "dam"),
        open_clip.OPENAI_IMAGENET_TEMPLATES,
    )
    logits = torch.from_numpy(expected_logits(whole, measured[0], names, usual, images))
    assert said.images.tolist() == images
    rows = np.concatenate(list(said.blocks(np.arange(len(images)))))
    np.testing.assert_allclose(rows, logits.softmax(dim=1).numpy(), atol=5e-3)
    assert np.ptp(rows, axis=0).max() > 0.02  # images differ by more than that


def test_vectors_of_images_are_those_of_the_whole_model(
    checkpoint: Path, whole: Clip, measured: Measured, tmp_path: Path
) -> None:
    opened = ask(open_zero_shot, measured, checkpoint, tmp_path)
    model, transform, _ = whole
    dataset = measured[0]
    for image in (1, 7, 19):
        with Image.open(dataset.root / dataset.paths[image]) as picture:
            prepared = transform(picture.convert("RGB"))[None]
        with torch.no_grad():
            vector = model.encode_image(prepared, normalize=True)[0].numpy()
        np.testing.assert_allclose(opened.vectors[opened.row[image]], vector, atol=2e-3)


def test_a_bias_and_a_scale_of_the_model_are_applied(measured: Measured, tmp_path: Path) -> None:
    plain = write_checkpoint(tmp_path / "plain")
    biased = write_checkpoint(tmp_path / "biased", init_logit_bias=-10.0, init_logit_scale=0.0)
    one, two = (ask(predict, measured, each, tmp_path / "s") for each in (plain, biased))
    assert np.array_equal(one.top, two.top)
    said = one.top[:, 0] >= 0
    np.testing.assert_allclose(two.scores[said] + 10, one.scores[said] * 0.07, atol=1e-4)


@pytest.mark.parametrize("model", ["ViT-S-32-alt", "RN50"])
def test_real_architectures_read_names_as_open_clip_does(model: str) -> None:
    from labelgate.fixtures.embedders.open_clip_model import build_whole
    from labelgate.fixtures.predictors.text_tower import TextTower, load_tokenizer

    whole = build_whole("open_clip:x", model, "", None)
    tokenizer, names = load_tokenizer("open_clip:x", model), ["sorrel", "space bar"]
    with torch.no_grad():
        templates = ("a photo of a {}.", "{}.")
        theirs = open_clip.build_zero_shot_classifier(whole, tokenizer, names, templates)
        side = int(np.ravel(whole.visual.preprocess_cfg["size"])[0])
        picture = torch.rand(1, 3, side, side)
        assert torch.equal(whole.visual(picture), whole.encode_image(picture))
    vectors, cut = TextTower("x", "cpu", templates, whole, tokenizer).encode(names, names)
    np.testing.assert_allclose(vectors, theirs.T, atol=1e-5)
    assert cut.tolist() == [0, 0]


def test_activation_of_the_configuration_is_used(measured: Measured, tmp_path: Path) -> None:
    """The weights are the same ones, so only the activation tells them apart."""
    quick, slow = (write_checkpoint(tmp_path / str(q), quick_gelu=q) for q in (True, False))
    weights = [(each / "open_clip_model.safetensors").read_bytes() for each in (quick, slow)]
    one, two = (ask(open_zero_shot, measured, each, tmp_path / "s") for each in (quick, slow))
    assert weights[0] == weights[1]
    assert not np.array_equal(one.texts.vectors, two.texts.vectors)
    assert not np.array_equal(one.vectors[one.row[1]], two.vectors[two.row[1]])


# what is predicted


def test_images_without_pixels_have_no_prediction_and_few_classes_few_places(
    checkpoint: Path, measured: Measured, tmp_path: Path
) -> None:
    found: Predictions = ask(predict, measured, checkpoint, tmp_path)
    dataset = measured[0]
    broken = dataset.index_of["val/ant/broken.png"]
    assert found.top[broken].tolist() == [-1] * K
    assert np.isneginf(found.scores[broken]).all()
    said = np.delete(found.top, broken, 0)
    assert (np.sort(said, axis=1) == np.arange(5)).all()
    assert (found.vocabulary, found.knows.all(), found.reason) == (dataset.labels, True, "")
    assert (np.diff(np.delete(found.scores, broken, 0), axis=1) <= 0).all()


def test_of_two_classes_with_one_name_the_first_is_predicted(
    checkpoint: Path, measured: Measured, tmp_path: Path
) -> None:
    found: Predictions = ask(predict, measured, checkpoint, tmp_path)
    labels = measured[0].labels
    first, second = labels.index("crane"), labels.index("crane_2")
    said = found.top[found.top[:, 0] >= 0]
    places = [np.argwhere(said == each)[:, 1] for each in (first, second)]
    assert (places[1] == places[0] + 1).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.integers(-3, 4, (9, 4)).astype(np.float16)
    texts = random.integers(-3, 4, (5, 4)).astype(np.float32)
    rows = np.array([3, 3, 0, 8, 5, 1, 2])
    expected = 2 * vectors[rows].astype("f4") @ texts.T - 1
    for block in (1, 10, 34, 35, 10**6):
        monkeypatch.setattr(scoring, "BLOCK", block)
        found = list(score_blocks(vectors, rows, texts, 2.0, -1.0))
        assert np.array_equal(np.concatenate([scores for _, scores in found]), expected)
        assert max(len(scores) for _, scores in found) <= max(1, block // 5)


def test_a_dataset_without_classes_has_no_predictions(
    checkpoint: Path, draw: Draw, measure: Measure, tmp_path: Path
) -> None:
    root = draw(tmp_path / "data", {"val/1.png": 1})
    (root / "dataset.toml").write_text('[dataset]\nname = "x"\n[splits.val]\nimages = "val"\n')
    both = measure(root / "dataset.toml", tmp_path / "pixels")
    found = ask(predict, both, checkpoint, tmp_path / "store")
    assert found.reason == "the dataset has no classes to be predicted"


# names


def test_names_come_from_the_class_table_and_else_from_the_ids(measured: Measured) -> None:
    dataset = measured[0]
    columns: Mapping[str, Mapping[str, str]] = {
        "name": {"ant": " ", "bee": "honey bee"},
        "name_b": {"ant": "emmet"},
        "name_a": {"bee": "bumblebee", "dam": "dam"},
        "name_same": {"bee": "honey bee"},
        "synonyms": {"dam": "barrage| |dam|weir|barrage", "ant": "emmet"},
    }
    named = replace(dataset, class_columns=columns)
    assert official_names(named) == ("ant", "honey bee", "crane", "crane 2", "dam")
    assert name_sets(named) == {
        "a": ("ant", "bumblebee", "crane", "crane 2", "dam"),
        "b": ("emmet", "honey bee", "crane", "crane 2", "dam"),
    }
    assert synonyms(named) == [(0, "emmet"), (4, "barrage"), (4, "weir")]
    assert owners(named)["weir"] == "dam"
    assert set(owners(named)) == {
        *("ant", "honey bee", "crane", "crane 2", "dam", "bumblebee", "emmet", "barrage", "weir")
    }


def test_braces_of_a_name_stay_what_they_are() -> None:
    assert fill("a {} {x}", "set {1} {}") == "a set {1} {} {x}"


@pytest.mark.parametrize("name", ["\u00a0", "&nbsp;", "\u2003\u2003"])
def test_a_name_of_which_nothing_is_left_is_one_sentence(
    checkpoint: Path, measured: Measured, tmp_path: Path, name: str
) -> None:
    columns = {"name": NAMES, "synonyms": {"dam": f"weir|x{name}"}}
    ask(predict, measured, checkpoint, tmp_path, class_columns=columns)
    columns["name_set"] = {"bee": f"&#32;{name}"}
    with pytest.raises(DatasetError, match=r"of class 'bee' the tokenizer of .* 0 words") as error:
        ask(predict, measured, checkpoint, tmp_path, class_columns=columns)
    assert one_sentence(error.value)


def test_prompts_longer_than_the_context_are_counted(
    checkpoint: Path, measured: Measured, tmp_path: Path
) -> None:
    """The context is 16, of which 2 are for the beginning and the end."""
    columns = {"name": {label: "dog" for label in NAMES} | {"ant": "dog " * 14, "bee": "dog " * 15}}
    for templates, cut in ((("{}",), 1), (("{}", "a {}"), 3)):
        changed = {"class_columns": columns, "templates": templates}
        opened = ask(open_zero_shot, measured, checkpoint, tmp_path, **changed)
        again = ask(open_zero_shot, measured, checkpoint, tmp_path, **changed)
        assert (opened.texts.cut, again.texts.cut, again.texts.encoded) == (cut, cut, 0)


# what is stored


def test_a_changed_name_costs_one(checkpoint: Path, measured: Measured, tmp_path: Path) -> None:
    def encoded(**changed: Any) -> int:  # noqa: ANN401
        texts: Texts = ask(open_zero_shot, measured, checkpoint, tmp_path, **changed).texts
        return texts.encoded

    assert encoded() == 4  # crane stands twice
    assert encoded() == 0
    assert encoded(class_columns={"name": NAMES | {"ant": "emmet"}}) == 1
    assert encoded(class_columns={"name": NAMES, "name_b": {"ant": "emmet"}}) == 0
    assert encoded(templates=("{}",)) == 4
    assert encoded(templates=("{}.",)) == 4


def test_stored_names_are_those_that_were_computed(
    checkpoint: Path, measured: Measured, tmp_path: Path
) -> None:
    names = dict.fromkeys(("dam", "ant", "weir"), "x")
    embedder = load_embedder(f"open_clip:{checkpoint}", "cpu")
    store, given = open_store(tmp_path), (("{}",), embedder, "cpu")
    one = measure_texts({"dam": "x", "ant": "x"}, *given, store, silent)
    both = [
        measure_texts(names, *given, each, silent) for each in (store, open_store(tmp_path / "2"))
    ]
    assert [each.encoded for each in (one, *both)] == [2, 1, 3]
    for name in names:
        np.testing.assert_allclose(*(t.vectors[t.row[name]] for t in both), atol=1e-6)
    assert np.array_equal(one.vectors[one.row["dam"]], both[0].vectors[both[0].row["dam"]])


def test_a_damaged_part_is_computed_again(
    checkpoint: Path, measured: Measured, tmp_path: Path
) -> None:
    first = ask(open_zero_shot, measured, checkpoint, tmp_path)
    (part,) = tmp_path.rglob("texts-*/part-*.parquet")
    part.write_bytes(b"garbage")
    again = ask(open_zero_shot, measured, checkpoint, tmp_path)
    assert again.texts.encoded == 4
    assert np.array_equal(again.texts.vectors, first.texts.vectors)


SECOND = """
import sys, types
from contextlib import nullcontext
from pathlib import Path
from labelgate.fixtures.decode_pass import measure_pixels
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.predictors.readings import predict_zero_shot
from labelgate.fixtures.predictors.zero_shot import open_zero_shot
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.store import open_store

caps, store = Caps(89_478_485, 2**28), open_store(Path("store"))
asked = types.SimpleNamespace(
    engine=LOCAL, workers=0, device="cpu", rehash=False, predictor_folder=Path(sys.argv[2])
)
silent = lambda title, total: nullcontext(lambda done: None)
dataset = read_dataset(Path(sys.argv[1]))
pixels = measure_pixels(dataset, store, caps, asked, silent)
given = dataset, pixels, store, caps, asked, silent
found = predict_zero_shot("open_clip:tiny", dataset, lambda name: open_zero_shot(name, *given))
print(found.top.tolist(), found.scores[:3].tolist())
print(sorted({"torch", "open_clip", "torchvision"} & set(sys.modules)))
"""


def test_a_second_run_imports_no_torch(
    checkpoint: Path, measured: Measured, tmp_path: Path, python: Python
) -> None:
    arguments = "-c", SECOND, str(measured[0].root), str(checkpoint.parent)
    first, second = (python(tmp_path, *arguments).stdout.splitlines() for _ in range(2))
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("['open_clip', 'torch', 'torchvision']", "[]")


# what cannot be had


@pytest.mark.usefixtures("no_hub")
def test_a_hub_that_refuses_is_a_reason(measured: Measured, tmp_path: Path) -> None:
    asked = types.SimpleNamespace(engine=LOCAL, workers=0, device="cpu", predictor_folder=tmp_path)
    given = (*measured, open_store(tmp_path / "store"), CAPS, asked, silent)
    found = predict("open_clip:ViT-B-32-quickgelu/openai", *given)
    assert "cannot be had from http://127.0.0.1:" in found.reason
    assert not found.reason.endswith(".")
    assert (found.top == -1).all()
    assert not found.knows.any()


def test_a_text_tower_of_a_library_that_is_not_there_is_one_sentence(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelgate.fixtures.embedders import open_clip_model

    monkeypatch.setattr(open_clip_model, "find_spec", lambda name: None)
    weights = checkpoint / "open_clip_model.safetensors"
    with pytest.raises(EmbedderError, match="pip install transformers") as error:
        load_embedder(f"open_clip:roberta-ViT-B-32/{weights}", "cpu")
    assert one_sentence(error.value)


def test_a_tokenizer_of_a_library_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    from labelgate.fixtures.predictors.text_tower import load_tokenizer

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EmbedderError, match="pip install transformers") as error:
        load_tokenizer("open_clip:ViT-B-16-SigLIP/webli", "ViT-B-16-SigLIP")
    assert one_sentence(error.value)


def test_a_model_that_does_not_know_its_own_words_is_one_sentence(
    measured: Measured, tmp_path: Path
) -> None:
    text = CONFIG["text_cfg"] | {"vocab_size": 64}
    folder = write_checkpoint(tmp_path / "small", text_cfg=text)
    with pytest.raises(EmbedderError, match="fails on the prompt") as error:
        ask(predict, measured, folder, tmp_path / "store")
    assert one_sentence(error.value)


# folders


def test_a_folder_is_an_embedder_too(checkpoint: Path, tmp_path: Path) -> None:
    name = f"open_clip:{checkpoint}"
    check_name(name)
    first, again = (load_embedder(name, "cpu", tmp_path) for _ in range(2))
    assert (first.dimensions, first.sha256) == (16, again.sha256)
    model = load_embedder(f"open_clip:{checkpoint}/../{checkpoint.name}", "cpu")
    assert model.sha256 == first.sha256


def test_a_folder_with_another_configuration_is_another_embedder(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "one")
    first = load_embedder(f"open_clip:{folder}", "cpu", tmp_path)
    config = folder / "open_clip_config.json"
    config.write_text(config.read_text().replace("0.4", "0.3"))
    again = load_embedder(f"open_clip:{folder}", "cpu", tmp_path)
    assert again.sha256 != first.sha256


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("open_clip_config.json", "holds no open_clip_config.json"),
        ("open_clip_model.safetensors", "are no file"),
    ],
)
def test_a_folder_that_lacks_a_file_is_one_sentence(
    checkpoint: Path, tmp_path: Path, missing: str, told: str
) -> None:
    folder = write_checkpoint(tmp_path / "clip")
    (folder / missing).unlink()
    for use in (check_name, lambda name: load_embedder(name, "cpu")):
        with pytest.raises(EmbedderError, match=told) as error:
            use(f"open_clip:{folder}")
        assert one_sentence(error.value)


@pytest.mark.parametrize("config", ["", "[]", "{}", '{"model_cfg": {"embed_dim": 3}}', "\xff"])
def test_a_configuration_that_is_none_is_one_sentence(tmp_path: Path, config: str) -> None:
    folder = write_checkpoint(tmp_path / "clip")
    (folder / "open_clip_config.json").write_bytes(config.encode("latin-1"))
    with pytest.raises(EmbedderError, match="is no configuration") as error:
        load_embedder(f"open_clip:{folder}", "cpu")
    assert one_sentence(error.value)


def test_weights_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "clip")
    (folder / "open_clip_model.safetensors").write_bytes(b"garbage")
    with warnings.catch_warnings(), pytest.raises(EmbedderError, match="cannot be used") as error:
        load_embedder(f"open_clip:{folder}", "cpu")
    assert one_sentence(error.value)
