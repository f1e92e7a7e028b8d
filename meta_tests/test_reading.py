"""Reading one untrusted file: what is refused, how, and that nothing hangs."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures import reading
from labelgate.fixtures.location import Location
from labelgate.fixtures.pixels import Caps, UndecodableError
from labelgate.fixtures.reading import read_file

CAPS = Caps(pixels=10**6, file_bytes=1000)


def refusal(root: Path, path: str, caps: Caps = CAPS) -> str:
    with pytest.raises(UndecodableError) as caught:
        read_file(Location(str(root)), path, caps)
    return str(caught.value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "plain").write_bytes(b"plain")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=1000))
def test_all_bytes_of_a_file_and_its_time_are_read(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a")
        file.write_bytes(data)
        os.utime(file, ns=(7, 1_234_567_890_123_456_789))
        found = read_file(Location(folder), "a", CAPS)
    assert (found.data, found.mtime) == (data, 1_234_567_890_123_456_789)


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "/dev/zero", "sub/../../secret"])
def test_a_link_out_of_the_root_is_refused_by_its_target(root: Path, target: str) -> None:
    (root / "sub").mkdir()
    (root / "link").symlink_to(target)
    assert refusal(root, "link").startswith("is a link out of the dataset, to /")


def test_a_link_to_a_neighbor_whose_name_begins_like_the_root_is_refused(root: Path) -> None:
    beside = root.with_name("data2")
    beside.mkdir()
    (beside / "a").write_bytes(b"a")
    (root / "link").symlink_to(beside / "a")
    assert "link out of the dataset" in refusal(root, "link")


def test_a_chain_of_links_that_ends_outside_is_refused(root: Path) -> None:
    (root / "second").symlink_to("../secret")
    (root / "first").symlink_to("second")
    assert "link out of the dataset" in refusal(root, "first")


@pytest.mark.parametrize("target", ["plain", "../data/plain", "other"])
def test_a_link_inside_the_root_is_read(root: Path, target: str) -> None:
    (root / "other").symlink_to(root / "plain")
    (root / "link").symlink_to(target)
    assert read_file(Location(str(root)), "link", CAPS).data == b"plain"


@pytest.mark.parametrize("target", ["link", "nothing", "sub"])
def test_a_link_to_itself_to_nothing_or_to_a_folder_is_refused(root: Path, target: str) -> None:
    (root / "sub").mkdir()
    (root / "link").symlink_to(target)
    assert refusal(root, "link").startswith(("cannot be", "is no regular file"))


def test_a_named_pipe_does_not_stop_the_run(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert refusal(root, "pipe") == "is no regular file"


def test_a_socket_and_a_folder_are_no_images(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)  # the path of a socket is short
    (root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert refusal(root, "socket").startswith("cannot be opened (")
    assert refusal(root, "folder") == "is no regular file"


def test_a_missing_file_says_so(root: Path) -> None:
    assert refusal(root, "gone") == "cannot be opened (No such file or directory)"


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """A folder with a file that this process may not read, also where it is root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "a").write_bytes(b"a")
        (folder / "a").chmod(0)
        if os.geteuid() == 0:
            os.seteuid(65534)
            yield folder
            os.seteuid(0)
        else:
            yield folder


def test_a_file_without_permission_says_so(forbidden: Path) -> None:
    assert refusal(forbidden, "a") == "cannot be opened (Permission denied)"


def test_a_file_at_the_cap_is_read_and_one_byte_more_is_refused(root: Path) -> None:
    (root / "a").write_bytes(bytes(1000))
    assert len(read_file(Location(str(root)), "a", CAPS).data) == 1000
    (root / "a").write_bytes(bytes(1001))
    assert refusal(root, "a").startswith("1,001 bytes, over the cap of 1,000")


def test_a_sparse_file_over_the_cap_is_refused_unread(root: Path) -> None:
    os.truncate(root / "plain", 2**40)
    assert "1,099,511,627,776 bytes" in refusal(root, "plain")


@pytest.mark.parametrize("change", [b"more", b""], ids=["growing", "shrinking"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    root: Path, change: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_of = os.fstat

    def then_change(descriptor: int) -> os.stat_result:
        state = state_of(descriptor)
        with (root / "plain").open("ab" if change else "wb") as stream:
            stream.write(change)
        return state

    monkeypatch.setattr(reading.os, "fstat", then_change)
    assert refusal(root, "plain") == "changed while it was read; run again"


def test_a_read_that_stops_early_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.read
    monkeypatch.setattr(reading.os, "read", lambda descriptor, size: read(descriptor, min(size, 2)))
    assert read_file(Location(str(root)), "plain", CAPS).data == b"plain"


def test_no_file_stays_open(root: Path) -> None:
    (root / "folder").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        read_file(Location(str(root)), "plain", CAPS)
        refusal(root, "folder")
        refusal(root, "plain", Caps(1, 1))
    assert len(os.listdir("/proc/self/fd")) == before
