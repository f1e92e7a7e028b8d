"""Servers on loopback that hold datasets: of S3, of Google Cloud Storage, of HTTP with ranges."""

import http.server
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import fsspec


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Answers ranges, which the handler of the standard library does not."""

    asked: list[str]
    answers_ranges = True
    breaks_at = ""
    """The path of which half is sent, whenever it is asked for."""

    def send_head(self) -> object:  # type: ignore[override]
        file = Path(self.translate_path(self.path))
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        self.asked.append(f"{self.command} {self.path}")
        if found is None or not file.is_file() or not self.answers_ranges:
            return super().send_head()
        size = file.stat().st_size
        start, stop = int(found[1]), min(int(found[2] or size - 1), size - 1) + 1
        stream = file.open("rb")
        stream.seek(start)
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Last-Modified", self.date_time_string(file.stat().st_mtime))
        self.end_headers()
        self.left = stop - start
        return stream

    def copyfile(self, source: object, outputfile: object) -> None:  # type: ignore[override]
        left = getattr(self, "left", None)
        if self.path == self.breaks_at:
            data = source.read() if left is None else source.read(left)  # type: ignore[attr-defined]
            outputfile.write(data[: len(data) // 2])  # type: ignore[attr-defined]
            self.close_connection = True
        elif left is None:
            shutil.copyfileobj(source, outputfile)  # type: ignore[type-var]
        else:
            outputfile.write(source.read(left))  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def http_server(folder: Path) -> Iterator[tuple[str, type[Ranges]]]:
    """Serves a folder, and yields its URL and the handler, which notes what it was asked."""

    class Handler(Ranges):
        asked: list[str] = []  # noqa: RUF012

        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", Handler
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Starts an S3 server without buckets, and yields the variables that clients find it by."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    # Buckets belong to the process, and outlive the server of an earlier test module in it.
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
    variables = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with environment(variables, "s3"):
        yield variables
    server.stop()


@contextmanager
def environment(variables: dict[str, str], protocol: str) -> Iterator[None]:
    """Sets variables, which the clients of a protocol read once, when they are made."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    fsspec.get_filesystem_class(protocol).clear_instance_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def gs_server() -> Iterator[str]:
    """Starts a server of Google Cloud Storage with nothing in it, and yields its URL."""
    from gcp_storage_emulator.server import create_server

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    url = f"http://127.0.0.1:{port}"
    with environment({"STORAGE_EMULATOR_HOST": url, "NO_GCE_CHECK": "true"}, "gs"):
        yield url
    server.stop()


def upload_to_google(url: str, folder: Path, bucket: str) -> None:
    """Copies a folder into a new bucket of a server of Google Cloud Storage."""

    def post(path: str, data: bytes, kind: str) -> None:
        urlopen(Request(f"{url}{path}", data, {"Content-Type": kind})).close()

    post("/storage/v1/b?project=none", json.dumps({"name": bucket}).encode(), "application/json")
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            named = urlencode({"uploadType": "media", "name": file.relative_to(folder).as_posix()})
            place = f"/upload/storage/v1/b/{bucket}/o?{named}"
            post(place, file.read_bytes(), "application/octet-stream")


def upload(folder: Path, bucket: str) -> None:
    """Copies a folder into a new bucket."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket=bucket)
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            client.upload_file(str(file), bucket, file.relative_to(folder).as_posix())
