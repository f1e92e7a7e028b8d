"""What docs/security.md says where no other module shows it, and that the page speaks of tests."""

import ast
import http.server
import io
import json
import os
import pickle
import re
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import packed_images
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from PIL import Image, PngImagePlugin
from random_networks import Evil
from servers import http_server
from stored_rows import SCHEMA, rows, widths
from test_architecture import MODULES, imported, parse

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures import parts
from labelgate.fixtures.containers.remote import LOCAL, call, file_system
from labelgate.fixtures.errors import DatasetError, LabelgateError, SettingsError, StoreError
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.report_json import read_json
from labelgate.fixtures.store import open_store
from labelgate.fixtures.temporary import forgotten
from labelgate.fixtures.vector_table import VectorTable
from labelgate.plugins import command
from labelgate.plugins.known_failures import read_known_failures
from labelgate.plugins.report.folder import claim

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "security.md"

NAMED = re.compile(r"`(test_\w+)::(test_\w+)`")


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    for module, name in named:
        tree = ast.parse((HERE / f"{module}.py").read_text(encoding="utf-8"))
        assert name in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}, module


def test_every_statement_of_the_page_names_its_test() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## Not trusted")[2]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    told = [row for row in rows if not re.match(r"\|(---| statement)", row)]
    assert told
    assert not [row for row in told if not NAMED.search(row.rpartition(" | ")[2])]


def test_no_module_reads_what_it_does_not_need() -> None:
    """JUnit's file is laid together from what pytest wrote; XML is written there, and not read."""
    readers = [module for module in MODULES if module.name != "junit.py"]
    names = {name.partition(".")[0] for module in readers for name in imported(parse(module))}
    assert not names & {"yaml", "ruamel", "xml", "lxml", "plistlib", "configparser", "subprocess"}


# --- URLs


@pytest.mark.parametrize("protocol", sorted({*LOCAL, *(name.upper() for name in LOCAL), "FILE"}))
@pytest.mark.parametrize("place", ["{}:///etc/passwd", "{}:///x::file:///etc/passwd"])
def test_no_url_reads_this_machine(protocol: str, place: str) -> None:
    with pytest.raises(DatasetError, match="is no place that is read"):
        file_system(place.format(protocol))


@pytest.mark.parametrize("protocol", ["webhdfs", "jupyter", "arrow_hdfs", "hdfs", "nothing"])
def test_a_protocol_that_cannot_be_used_is_one_sentence(protocol: str) -> None:
    with pytest.raises(DatasetError, match="cannot be read here") as caught:
        file_system(f"{protocol}://")
    assert str(caught.value).isprintable()


@contextmanager
def redirecting(target: str) -> Iterator[str]:
    """A server that sends everybody elsewhere."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.usefixtures("nothing_is_remembered")
def test_a_redirect_leads_to_no_file(tmp_path: Path, impatient: list[float]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    with redirecting(secret.as_uri()) as url, pytest.raises(DatasetError) as caught:
        call(f"{url}/dataset.toml", "cat_file")
    assert "could not be read in 4 tries" in str(caught.value)
    assert len(impatient) == 3


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a folder of a server whose page links to its one image, and elsewhere."""

    def write(link: str) -> Path:
        for file in ("train/cat/1.png", "private/2.png"):
            (tmp_path / file).parent.mkdir(parents=True)
            (tmp_path / file).write_bytes(b"1")
        page = f'<a href="1.png">x</a><a href="{link}">x</a>'
        (tmp_path / "train/cat/index.html").write_text(page)
        return tmp_path

    return write


@pytest.mark.usefixtures("nothing_is_remembered")
@pytest.mark.parametrize("link", ["../../private/2.png", "%2e%2e/%2E%2E/private/2.png"])
def test_a_listing_that_leads_out_is_refused(listed: Callable[[str], Path], link: str) -> None:
    with http_server(listed(link)) as (url, handler):
        with pytest.raises(DatasetError, match="which leads out of it"):
            read_dataset(f"{url}/train")
        assert not [asked for asked in handler.asked if "private" in asked]


@pytest.mark.usefixtures("nothing_is_remembered")
@pytest.mark.parametrize("link", ["{other}/private/2.png", "{url}/private/2.png", "/private/2.png"])
def test_a_listing_leads_to_no_other_place(
    listed: Callable[[str], Path], tmp_path: Path, link: str
) -> None:
    listed("")
    with http_server(tmp_path) as (url, handler), http_server(tmp_path) as (other, elsewhere):
        page = tmp_path / "train/cat/index.html"
        link = link.format(url=url, other=other)
        page.write_text(f'<a href="1.png">x</a><a href="{link}">x</a>')
        assert read_dataset(f"{url}/train").paths == ("cat/1.png",)
        assert elsewhere.asked == []
        assert not [asked for asked in handler.asked if "private" in asked]


# --- documents


DEEP = "[" * 100_000
DIGITS = "9" * 5_000


@pytest.mark.parametrize("value", [DEEP, DIGITS, "{a=" * 100_000, "'x"], ids=["[", "9", "{", "'"])
def test_documents_that_cost_more_than_they_say_are_one_sentence(
    tmp_path: Path, value: str
) -> None:
    file = tmp_path / "dataset.toml"
    file.write_text(f"x = {value}\n")
    readers: list[Callable[[Path], Any]] = [read_dataset, read_limits, read_known_failures]
    for read in readers:
        with pytest.raises(LabelgateError, match="cannot be read") as caught:
            read(file)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", [DEEP, DIGITS, "NaN", '{"a": Infinity}', '{"a":' * 100_000])
def test_json_of_a_report_that_costs_more_than_it_says_is_one_sentence(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SettingsError, match="is no JSON"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["../other.arrow", "/etc/passwd", "a/b.arrow", "", ".x", "\ud800"])
def test_a_saved_dataset_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    root = tmp_path / "data"
    (root / "train").mkdir(parents=True)
    table = pa.table({"image": pa.array([b"1"]), "label": ["cat"]})
    for place in (root / "train" / "a.arrow", tmp_path / "other.arrow"):
        with pa.ipc.new_stream(place, table.schema) as writer:
            writer.write_table(table)
    (root / "train" / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(DatasetError, match="does not list the files"):
        read_dataset(root)
    (root / "dataset_dict.json").write_text(json.dumps({"splits": [f"{name}x", name]}))
    with pytest.raises(DatasetError, match="names no splits"):
        read_dataset(root)


COMMANDS = "\x1b]0;owned\x07\x1b[2J\r\n\u202e"


def test_no_mistake_sends_commands_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert str(DatasetError(f"no '{COMMANDS}'")) == (r"no '\x1b]0;owned\x07\x1b[2J\r\n\u202e'")
    again = pickle.loads(pickle.dumps(DatasetError(COMMANDS)))
    assert str(again) == str(DatasetError(COMMANDS))
    (tmp_path / "dataset.toml").write_text(f"[splits.{json.dumps(COMMANDS)}]\nimages = 'x'\n")
    assert command.main(["verify", str(tmp_path), str(tmp_path)]) == 4
    told = capfd.readouterr()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", told.out + told.err)


# --- pickles


def extension(payload: bytes) -> dict[bytes, bytes]:
    """What a column says that was written with a type of somebody's own, as Arrow 13 loaded it."""
    return {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": payload,
    }


def test_no_table_unpickles_anything(tmp_path: Path) -> None:
    effect = tmp_path / "ran"
    payload = pickle.dumps(Evil(effect))
    image = pa.field("image", pa.binary(), metadata=extension(payload))
    label = pa.field("label", pa.string(), metadata=extension(payload))
    told = {b"pandas": payload, b"huggingface": payload, b"labelgate": payload}
    table = pa.table(
        [pa.array([b"1"]), pa.array(["cat"])], schema=pa.schema([image, label], metadata=told)
    )
    packed_images.parquet(tmp_path / "data" / "train-0.parquet", table)
    packed_images.saved(tmp_path / "saved" / "train", table)
    for root in ("data", "saved"):
        assert read_dataset(tmp_path / root).labels == ("cat",)
    assert not effect.exists()
    pickle.loads(payload)
    assert effect.exists(), "the payload is one that runs"


def plant(folder: Path, data: bytes, suffix: str) -> Path:
    """Puts bytes into a table under the name that they ask for."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"part-{'0' * 20}-{xxhash.xxh3_128_hexdigest(data)}{suffix}"
    (folder / name).write_bytes(data)
    return folder / name


def test_a_planted_part_runs_nothing(tmp_path: Path) -> None:
    effect = tmp_path / "ran"
    payload = pickle.dumps(Evil(effect))
    table = open_store(tmp_path / "store").table("facts")
    told = SCHEMA.field("content").with_metadata(extension(payload))
    forged = rows(0).cast(pa.schema([told, *list(SCHEMA)[1:]]))
    stream = io.BytesIO()
    pq.write_table(forged, stream)
    plant(table.folder, stream.getvalue(), ".parquet")
    plant(table.folder, payload, ".parquet")
    assert widths(table) == [0, 1, 2]
    vectors = open_store(tmp_path / "store").table("vectors")
    stream = io.BytesIO()
    np.save(stream, np.array([Evil(effect)], object), allow_pickle=True)
    for data in (stream.getvalue(), payload):
        plant(vectors.folder, data, ".npy")
    assert len(VectorTable(vectors.folder, 3).read().content) == 0
    assert not effect.exists()


# --- files that are written


def test_a_link_in_place_of_a_temporary_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    monkeypatch.setattr(parts, "_now", lambda: "0" * 20)
    monkeypatch.setattr(parts.uuid, "uuid4", lambda: SimpleNamespace(hex="0" * 32))
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / f".{'0' * 20}-{'0' * 12}.tmp").symlink_to(outside)
    with pytest.raises(StoreError, match="File exists"):
        parts.add_part(tmp_path / "table", [b"ours"], ".npy")
    assert outside.read_text() == "mine"


def test_a_temporary_folder_is_ours_alone() -> None:
    first, second = forgotten(), forgotten()
    assert first != second
    assert stat.S_IMODE(os.stat(first).st_mode) == stat.S_IRWXU


@pytest.mark.parametrize("name", ["report.json", "index.html", "summary.md", "release.parquet"])
def test_a_link_in_place_of_a_report_is_removed_and_not_written_through(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "outside").write_text("mine")
    claim(tmp_path / "report")
    (tmp_path / "report" / name).symlink_to(tmp_path / "outside")
    claim(tmp_path / "report")
    assert not (tmp_path / "report" / name).is_symlink()
    assert (tmp_path / "outside").read_text() == "mine"


def test_nothing_of_the_metadata_of_a_picture_is_in_its_thumbnail(tmp_path: Path) -> None:
    from labelgate.fixtures.pixels import Caps, decode
    from labelgate.plugins.report.thumbnails import write_thumbnail

    mark = "<script>alert(1)</script>"
    exif = Image.Exif()
    exif[0x010E] = mark
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", mark)
    stream = io.BytesIO()
    Image.new("RGB", (300, 200)).save(
        stream, "PNG", exif=exif, pnginfo=text, icc_profile=mark.encode()
    )
    assert mark.encode() in stream.getvalue()
    pixels = decode(stream.getvalue(), Caps(10**6, 10**6)).pixels
    write_thumbnail(pixels, tmp_path / "it.webp")
    assert mark.encode() not in (tmp_path / "it.webp").read_bytes()
