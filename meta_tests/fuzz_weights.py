"""Ways to spoil files of weights, as what they are: safetensors, pickled tensors, TorchScript."""

import io
import json
import os
import pickle
import struct
import zipfile
from random import Random
from typing import Any

from fuzz_mutations import spoil_bytes, spoil_json

SIZES = (0, 1, -1, 2**31, 2**63 - 1, 10**12, 10**30)
"""Numbers of a shape, and places in a file."""

DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I8", "U8", "BOOL", "F8_E4M3", "F4", "C64", "X")


class Ends:
    """Ends the process that unpickles it, so that nobody can miss it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (7,)


def spoil_safetensors(random: Random, data: bytes) -> bytes:
    """Another header over the same numbers: types, shapes, places, names, length; or bytes."""
    how = random.randrange(4)
    (length,) = struct.unpack_from("<Q", data)
    head, body = data[8 : 8 + length], data[8 + length :]
    if how == 0:
        return data[:8] + spoil_bytes(random, head) + body
    if how == 1:
        return spoil_bytes(random, data)
    spoilt = spoil_json(random, head) if how == 2 else _other_header(random, json.loads(head))
    claimed = len(spoilt) if random.randrange(4) else random.choice((0, 2**63, 10**9, length))
    return struct.pack("<Q", claimed) + spoilt + (body if random.randrange(4) else body[:100])


def _other_header(random: Random, head: dict[str, Any]) -> bytes:
    name = random.choice(sorted(head))
    entry = head[name] = dict(head[name])
    how = random.randrange(4)
    if how == 0:
        entry["dtype"] = random.choice(DTYPES)
    elif how == 1:
        entry["shape"] = [random.choice(SIZES) for _ in range(random.randrange(4))]
    elif how == 2:
        entry["data_offsets"] = [random.choice(SIZES), random.choice(SIZES)]
    else:
        head[random.choice(("__metadata__", "x", ""))] = head.pop(name)
    return json.dumps(head).encode()


def spoil_pickled(random: Random, data: bytes) -> bytes:
    """A state dict with other objects in it, or wrapped; or bytes, most of them the pickle's."""
    import torch

    how = random.randrange(8)
    if how == 0:
        return spoil_bytes(random, data)
    if how < 4:
        return _spoil_member(random, data, "data.pkl")
    if how == 4:
        return pickle.dumps(random.choice((Ends(), {"state_dict": Ends()}, [1], {"x": 1}, None)))
    tensors: Any = torch.load(io.BytesIO(data), weights_only=True)
    name = random.choice(sorted(tensors))
    if how == 5:
        others = (Ends(), None, "x", 1, [1], {}, torch.zeros(1).expand(10**9, 8), torch.ones(0))
        tensors[name] = random.choice(others)
    elif how == 6:
        tensors[random.choice(("", "x", "state_dict", "model", "head.weight"))] = tensors.pop(name)
    stream = io.BytesIO()
    wrapped = random.choice((tensors, {"state_dict": tensors}, {"state_dict": 1}, [tensors], 1))
    new = bool(random.randrange(4))
    torch.save(wrapped if how == 7 else tensors, stream, _use_new_zipfile_serialization=new)
    return stream.getvalue()


def spoil_archive(random: Random, data: bytes) -> bytes:
    """A TorchScript archive that is damaged, or whose size of pictures is no size.

    Its code stays as it is: an archive is a program, and only one that is trusted is loaded.
    """
    if random.randrange(3):
        return spoil_bytes(random, data)
    told = random.choice((b"", b"0", b"-1", b"4097", b"9" * 40, b"x", b"\xff", "\u0661".encode()))
    return _spoil_member(random, data, "extra/input_size", told)


def _spoil_member(random: Random, data: bytes, end: str, content: bytes | None = None) -> bytes:
    """Other bytes in one member of an archive, which is packed now and then; all checksums fit."""
    stream = io.BytesIO()
    packed = zipfile.ZIP_DEFLATED if not random.randrange(6) else zipfile.ZIP_STORED
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", packed) as new:
        for member in old.namelist():
            kept = old.read(member)
            if member.endswith(end):
                kept = spoil_bytes(random, kept) if content is None else content
            new.writestr(member, kept)
    return stream.getvalue()
