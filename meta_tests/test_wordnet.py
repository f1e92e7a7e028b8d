"""WordNet's files: what is read of them, and what is said of damaged and strange ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from named_datasets import TRAIN, refusal
from small_wordnet import NOUNS, VERSION, Noun, write_wordnet

from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.wordnet import MOST_BYTES, Synset, WordNet, open_wordnet

GRAPHS = st.dictionaries(
    st.integers(0, 7), st.lists(st.integers(0, 9), max_size=4, unique=True), min_size=1
)
"""What each of some nouns is a kind of: itself, circles and nouns that do not exist among it."""


def offset(wnid: str) -> int:
    return int(wnid[1:])


def found(wordnet: WordNet, wnid: str) -> Synset:
    synset = wordnet.synset(offset(wnid))
    assert synset is not None
    return synset


def reach(graph: dict[int, list[int]], key: int) -> set[int]:
    """What a noun is a kind of, however far."""
    reached: set[int] = set()
    waiting = [key]
    while waiting:
        new = [up for up in graph[waiting.pop()] if up in graph and up not in reached]
        reached |= set(new)
        waiting += new
    return reached


def test_a_synset_is_read_with_all_that_it_says(tmp_path: Path) -> None:
    wnids = write_wordnet(tmp_path, NOUNS)
    wordnet = open_wordnet(tmp_path)
    assert (wordnet.version, wordnet.nouns) == ("3.0", len(NOUNS))
    for key, noun in NOUNS.items():
        synset = found(wordnet, wnids[key])
        assert synset.lemmas == tuple(noun.words.split("|"))
        assert (synset.gloss, synset.topic) == (noun.gloss, noun.topic)
        assert synset.above == tuple(offset(wnids[str(each)]) for each in noun.above)
        assert synset.parts == tuple((offset(wnids[str(each)]), "part") for each in noun.parts)
        below = {offset(wnids[other]) for other, each in NOUNS.items() if key in each.above}
        assert set(synset.below) == below


def test_an_offset_inside_a_line_is_no_synset(tmp_path: Path) -> None:
    wnids = write_wordnet(tmp_path, NOUNS)
    wordnet = open_wordnet(tmp_path)
    starts = {offset(wnid) for wnid in wnids.values()}
    size = len(wordnet.data)
    assert {at for at in range(size + 9) if wordnet.synset(at)} == starts


def test_words_have_their_meanings_in_order(tmp_path: Path) -> None:
    wnids = write_wordnet(tmp_path, NOUNS)
    senses = open_wordnet(tmp_path).senses({"crane", "space bar", "zebra", "n"})
    assert senses == {
        "crane": (offset(wnids["bird"]), offset(wnids["machine"])),
        "space bar": (offset(wnids["space bar"]),),
    }


@settings(deadline=None)
@given(graph=GRAPHS)
def test_ancestors_are_what_can_be_reached(
    tmp_path_factory: pytest.TempPathFactory, graph: dict[int, list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("graph")
    nouns = {
        str(key): Noun(f"word{key}", above=[str(up) if up in graph else 7 + up for up in above])
        for key, above in graph.items()
    }
    wnids = write_wordnet(folder, nouns)
    wordnet = open_wordnet(folder)
    above = {key: reach(graph, key) - {key} for key in graph}
    for key in graph:
        told = wordnet.ancestors(offset(wnids[str(key)]))
        assert sorted(told) == sorted(offset(wnids[str(up)]) for up in above[key])
        below = sum(key in reached for reached in above.values())
        assert wordnet.count_below(offset(wnids[str(key)]), 99) == 1 + below


def test_nearest_ancestors_come_first(tmp_path: Path) -> None:
    wnids = write_wordnet(tmp_path, NOUNS)
    told = open_wordnet(tmp_path).ancestors(offset(wnids["indian elephant"]))
    assert told == tuple(offset(wnids[key]) for key in ("elephant", "animal", "entity"))


def test_kinds_are_counted_until_there_are_too_many(tmp_path: Path) -> None:
    nouns = {"top": Noun("top")} | {f"{i}": Noun(f"w{i}", above=["top"]) for i in range(9)}
    wnids = write_wordnet(tmp_path, nouns)
    wordnet = open_wordnet(tmp_path)
    assert wordnet.count_below(offset(wnids["top"]), 20) == 10
    assert wordnet.count_below(offset(wnids["3"]), 20) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        (b" 06 n 01 rifle 0 ", b" xx n 01 rifle 0 "),
        (b" 06 n 01 rifle 0 ", b" 06 n 09 rifle 0 "),
        (b" 06 n 01 rifle 0 ", b" 06 n 00 rifle 0 "),
        (b"rifle 0 001 @", b"rifle 0 002 @"),
        (b"a shoulder", b"\xff shoulder"),
    ],
)
def test_a_damaged_line_is_refused_with_its_place(
    tmp_path: Path, spoil: tuple[bytes, bytes]
) -> None:
    wnids = write_wordnet(tmp_path, {"rifle": NOUNS["rifle"], "entity": NOUNS["entity"]})
    data = (tmp_path / "data.noun").read_bytes()
    assert spoil[0] in data
    (tmp_path / "data.noun").write_bytes(data.replace(*spoil, 1))
    with pytest.raises(DatasetError, match=rf"data.noun, byte {offset(wnids['rifle'])}: .*copy"):
        open_wordnet(tmp_path).synset(offset(wnids["rifle"]))


def test_a_folder_without_nouns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"data\.noun cannot be read"):
        open_wordnet(tmp_path)
    write_wordnet(tmp_path, {})
    with pytest.raises(DatasetError, match="has 0 synsets, at least 1"):
        open_wordnet(tmp_path)
    with (tmp_path / "index.noun").open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    with pytest.raises(DatasetError, match=r"has 268,435,457 bytes, at most 268,435,456"):
        open_wordnet(tmp_path)


@pytest.mark.parametrize(
    ("line", "version"), [(VERSION.replace("3.0", "3.1"), "3.1"), ("no licence", "of unknown")]
)
def test_the_version_is_that_of_the_licence(tmp_path: Path, line: str, version: str) -> None:
    write_wordnet(tmp_path, NOUNS, line)
    assert open_wordnet(tmp_path).version.startswith(version)


# --- declared -----------------------------------------------------------------------------------


def test_a_description_names_the_folder(describe: Callable[..., Path]) -> None:
    root = describe(TRAIN + '[wordnet]\nfolder = "words/dict"\n')
    write_wordnet(root / "words" / "dict", NOUNS)
    assert read_dataset(root).wordnet == root / "words" / "dict"
    assert read_dataset(describe(TRAIN)).wordnet is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[wordnet]\n", ["'wordnet.folder' is missing"]),
        ('[wordnet]\nfolder = "dict"\nversion = "3.0"\n', ["'wordnet.version'", "folder"]),
        ('[wordnet]\nfolder = "nowhere"\n', ["wordnet.folder", "'nowhere' does not exist"]),
        ('[wordnet]\nfolder = "/usr"\n', ["wordnet.folder", "leads out"]),
        ('[wordnet]\nfolder = "train"\n', ["has no file data.noun", "wordnet-base"]),
    ],
)
def test_a_wrong_folder_is_refused(
    describe: Callable[..., Path], text: str, words: list[str]
) -> None:
    told = refusal(describe(TRAIN + text))
    assert [word for word in words if word not in told] == []


def test_files_outside_of_the_dataset_are_refused(
    describe: Callable[..., Path], tmp_path: Path
) -> None:
    root = describe(TRAIN + '[wordnet]\nfolder = "dict"\n')
    write_wordnet(tmp_path / "elsewhere", NOUNS)
    (root / "dict").mkdir()
    for name in ("data.noun", "index.noun"):
        (root / "dict" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert "leads out of" in refusal(root)
