"""Ways to spoil a file: whatever it is, and as what it is (text, CSV, JSON, a table, an image).

A way takes a random generator and the bytes of a good file and returns other bytes, always the same
ones from the same generator: a number is enough to name an input.
"""

import csv
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

Way = Callable[[Random, bytes], bytes]

LONG = 5_000
"""Times that a token stands there which is too long or too deep."""

TOKENS = (
    *("", " ", "\0", "\r", "\n", '"', "'", ",", "|", ";", "=", "{}", "{", "[", "[[", "]]", "\\"),
    *("..", "../x", "/etc/passwd", "a/../../b", "~", "$HOME", "nan", "inf", "-inf", "-1", "0"),
    *("1e999", "9" * 25, "9" * LONG, "0x10", "1_0", "true", "null", "\\ud800", "\ufeff", "\u202e"),
    *("\u2028", "\x1b[2J", "\x85", "=1+1", "<script>", "{0.__class__}", "{value:9999999999}", "%s"),
    *("file:///etc", "[" * LONG, '{"a":' * LONG, "a." * LONG, "a" * LONG, "\u0661", "2026-02-30"),
)
"""What a value, a name or any place of a text may become."""

RAW = (b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", bytes(8), b"\xff" * 8, b"\x80")
"""What no text holds."""

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Numbers at which sizes and offsets overflow."""


def spoil_bytes(random: Random, data: bytes) -> bytes:
    """Flips, cuts, doubles, moves or overwrites bytes, in one place or in several."""
    spoilt = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        start = random.randrange(len(spoilt) + 1)
        end = min(len(spoilt), start + random.choice((1, 2, 4, 8, 64, 512, 4096)))
        how = random.randrange(8)
        if how == 0 and start < end:
            spoilt[start] ^= 1 << random.randrange(8)
        elif how == 1:
            del spoilt[start : end if random.randrange(4) else None]
        elif how == 2:
            spoilt[start:start] = spoilt[start:end]
        elif how == 3:
            spoilt[start:end] = random.randbytes(end - start)
        elif how == 4:
            spoilt[start:start] = random.choice(RAW)
        elif how == 5:
            number = random.choice(NUMBERS)
            packed = struct.pack(random.choice(("<I", ">I")), number)
            spoilt[start : start + len(packed)] = packed
        elif how == 6:
            packed = struct.pack(random.choice(("<H", ">H")), random.choice(NUMBERS) & 0xFFFF)
            spoilt[start : start + len(packed)] = packed
        else:
            other = random.randrange(len(spoilt) + 1)
            spoilt[other:other] = spoilt[start:end]
    return bytes(spoilt)


def spoil_text(random: Random, data: bytes) -> bytes:
    """Changes lines, words or bytes, now and then the encoding or the ends of lines."""
    if not random.randrange(4):
        return spoil_bytes(random, data)
    lines = data.decode("utf-8", "replace").split("\n")
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(lines))
        how = random.randrange(6)
        if how == 0:
            del lines[at : at + random.choice((1, 1, 8))]
            lines = lines or [""]
        elif how == 1:
            lines.insert(random.randrange(len(lines)), lines[at])
        elif how == 2:
            lines[at] = _replace_word(random, lines[at], [random.choice(TOKENS)])
        elif how == 3:
            lines[at] = _replace_word(random, lines[at], re.findall(r"[\w./-]+", data.decode()))
        else:
            place = random.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:place] + random.choice(TOKENS) + lines[at][place:]
    return _encode(random, "\n".join(lines))


def _replace_word(random: Random, line: str, words: list[str]) -> str:
    found = list(re.finditer(r"[\w./-]+", line))
    if not found or not words:
        return line
    chosen = random.choice(found)
    return line[: chosen.start()] + random.choice(words) + line[chosen.end() :]


def _encode(random: Random, text: str) -> bytes:
    how = random.randrange(20)
    if how == 0:
        return b"\xef\xbb\xbf" + text.encode("utf-8", "replace")
    if how == 1:
        return text.replace("\n", "\r\n").encode("utf-8", "replace")
    if how == 2:
        return text.encode("utf-16")
    if how == 3:
        return text.replace("\n", "\r").encode("latin-1", "replace")
    return text.encode("utf-8", "surrogatepass")


def spoil_csv(random: Random, data: bytes) -> bytes:
    """Changes columns, rows and values of a CSV, which stays one."""
    if random.randrange(2):
        return spoil_text(random, data)
    rows = list(csv.reader(io.StringIO(data.decode())))
    for _ in range(random.choice((1, 1, 2))):
        row, column = random.randrange(len(rows)), random.randrange(max(1, len(rows[0])))
        how = random.randrange(7)
        if how == 0:
            rows = [each[:column] + each[column + 1 :] for each in rows]
        elif how == 1:
            rows = [each[:column] + each[column : column + 1] + each[column:] for each in rows]
        elif how == 2:
            rows.insert(random.randrange(len(rows) + 1), rows[row])
        elif how == 3:
            rows = rows[:row] + rows[row + 1 :] or [[]]
        elif how == 4:
            rows[row] = rows[row][:column]
        else:
            rows[row] = [*rows[row][:column], random.choice(TOKENS), *rows[row][column + 1 :]]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return _encode(random, stream.getvalue())


VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, float("nan"), float("inf"), "", "x", "\ud800", [], {}),
    *([[]], [{}], {"": None}, "0" * 64, ["x", "x"], {"a": {"a": {"a": []}}}, "\x1b[2J", "../x"),
)
"""What a value of a document may become."""


def spoil_json(random: Random, data: bytes) -> bytes:
    """Changes a few values or keys of a document, which mostly stays JSON."""
    if not random.randrange(4):
        return spoil_text(random, data)
    document: Any = json.loads(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        document = _spoil_value(random, document)
    return json.dumps(document).encode()


def _spoil_value(random: Random, document: Any) -> Any:  # noqa: ANN401
    """Walks down to a value by chance and changes it there."""
    inside = list(document.items()) if isinstance(document, dict) else None
    inside = list(enumerate(document)) if isinstance(document, list) else inside
    if not inside or not random.randrange(6):
        return random.choice(VALUES)
    key, value = random.choice(inside)
    how = random.randrange(8)
    if how == 0:
        del document[key]
    elif how == 1 and isinstance(document, dict):
        document[random.choice(TOKENS[:40])] = document.pop(key)
    elif how == 1:
        document.insert(key, value)
    elif how == 2:
        document[key] = random.choice((lambda v: [v], lambda v: {"x": v}, str))(value)
    else:
        document[key] = _spoil_value(random, value)
    return document


def spoil_toml(random: Random, data: bytes) -> bytes:
    """Gives keys other values, or changes the text."""
    if random.randrange(2):
        return spoil_text(random, data)
    lines = data.decode().split("\n")
    keyed = [at for at, line in enumerate(lines) if " = " in line]
    at = random.choice(keyed)
    key = lines[at].partition(" = ")[0]
    token = random.choice(TOKENS)
    values = ("[]", "{}", "[[1]]", "1979-05-27", "nan", "-inf", "1e400", "true", "0", "'''\n'''")
    quoted = json.dumps(token).replace("\\ud800", "")
    lines[at] = f"{key} = {random.choice((quoted, random.choice(values), f'[{quoted}]', token))}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def spoil_image(random: Random, data: bytes) -> bytes:
    """Changes pieces of PNG and JPEG, with their checksums; else bytes, most at the front.

    What a file says of itself stands at its beginning; a flipped bit of the pixels teaches little.
    """
    how = random.randrange(4)
    if how == 0 and data.startswith(b"\x89PNG"):
        return _spoil_pieces(random, _png_pieces(data), _png_sealed)
    if how == 0 and data.startswith(b"\xff\xd8"):
        return _spoil_pieces(random, _jpeg_pieces(data), lambda piece: piece)
    if how <= 2:
        head = random.choice((64, 256, 1024))
        return spoil_bytes(random, data[:head]) + data[head:]
    return spoil_bytes(random, data)


def _spoil_pieces(random: Random, pieces: list[bytes], sealed: Callable[[bytes], bytes]) -> bytes:
    for _ in range(random.choice((1, 1, 2))):
        at, other = random.randrange(len(pieces)), random.randrange(len(pieces))
        how = random.randrange(4)
        if how == 0:
            pieces[at] = sealed(spoil_bytes(random, pieces[at]))
        elif how == 1:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif how == 2:
            pieces.insert(other, pieces[at])
        elif len(pieces) > 1:
            del pieces[at]
    return b"".join(pieces)


def _png_pieces(data: bytes) -> list[bytes]:
    """The signature and each chunk; what is no chunk any more is the last piece."""
    pieces, at = [data[:8]], 8
    while at + 12 <= len(data):
        size = 12 + int.from_bytes(data[at : at + 4])
        pieces.append(data[at : at + size])
        at += size
    return pieces


def _png_sealed(chunk: bytes) -> bytes:
    """A chunk with the length and the checksum of what it holds."""
    if len(chunk) < 12:
        return chunk
    body = chunk[4:-4]
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _jpeg_pieces(data: bytes) -> list[bytes]:
    """Segments up to the first scan, and all from there on."""
    pieces, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        size = 2 + int.from_bytes(data[at + 2 : at + 4])
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]
