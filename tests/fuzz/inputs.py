"""Inputs for parsers: seeds, what once was a fault, and mutations of both."""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random

from fuzz.parsers import PARSERS

CORPUS = Path(__file__).parent / "corpus"
CRASHES = Path(__file__).parent / "crashes"
LONGEST = 64 * 1024

_WORD = re.compile(rb"[A-Za-z_]+|[0-9]+|[^\sA-Za-z0-9_]+")
_ODD: tuple[bytes, ...] = (
    *(b"", b"\0", b"\r\n", b"\n", b"\n\n", b"\n ", b"\\", b'"', b"'", b"<", b">", b"&", b"|", b";"),
    *(b"-1", b"0", b"00", b"24", b"60", b"1e999", b"1e30", b"NaN", b"Infinity", b"9" * 30),
    *(b"2147483648", b"4294967296", b"18446744073709551616", b"9" * 5000, b"0001", b"9999"),
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\x80", b"\x82\xff\xff"),
    *("ß".encode(), "İ".encode(), "﷐".encode(), "٣".encode(), "²".encode(), "\u2028".encode()),
    *("\N{RIGHT-TO-LEFT OVERRIDE}".encode(), "\N{ZERO WIDTH JOINER}".encode(), "ﬁ".encode()),
    *(b"null", b"true", b"[]", b"{}", b"[" * 2000, b"(" * 100, b"{%", b"../", b"a" * 300),
)


def list_seeds(name: str) -> list[bytes]:
    """Return the seeds of the parser *name*, and the inputs that once were a fault."""
    seeds = []
    for folder in (*PARSERS[name].seeds, CORPUS / name, CRASHES / name):
        files = sorted(folder.iterdir()) if folder.is_dir() else [folder] * folder.exists()
        seeds += [file.read_bytes() for file in files]
    lines = CORPUS / f"{name}.txt"
    if lines.exists():
        seeds += lines.read_bytes().splitlines()
    return seeds


def keep(name: str, data: bytes) -> Path:
    """Keep *data*, which is a fault of the parser *name*, for all later runs."""
    file = CRASHES / name / sha256(data).hexdigest()[:12]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def mutate(seeds: Sequence[bytes], random: Random) -> Iterator[bytes]:
    """Yield mutations of *seeds* without end."""
    words = sorted({word for seed in seeds for word in _WORD.findall(seed)})
    pieces = (*words, *_ODD, *_ODD)
    while True:
        data = random.choice(seeds)
        for _ in range(random.choice((1, 1, 2, 3, 6))):
            data = _change(data, seeds, pieces, random)
        yield data[:LONGEST]


def _change(data: bytes, seeds: Sequence[bytes], pieces: Sequence[bytes], random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((0, 1, 1, 2, 4, 16, 64)))
    match random.randrange(8):
        case 0:  # another byte
            return data[:start] + bytes([random.randrange(256)]) + data[start + 1 :]
        case 1:  # a bit
            flipped = bytes([data[start] ^ 1 << random.randrange(8)]) if start < len(data) else b""
            return data[:start] + flipped + data[start + 1 :]
        case 2:  # something left out
            return data[:start] + data[end:]
        case 3:  # something many times
            return data[:start] + data[start:end] * random.choice((2, 3, 20, 500)) + data[end:]
        case 4:  # something of another one
            other = random.choice(seeds)
            at = random.randrange(len(other) + 1)
            return data[:start] + other[at : at + random.choice((1, 8, 64, 512))] + data[end:]
        case 5:  # another word
            found = list(_WORD.finditer(data[start : start + 200]))
            if found:
                word = random.choice(found)
                begin, behind = start + word.start(), start + word.end()
                return data[:begin] + random.choice(pieces) + data[behind:]
            return data + random.choice(pieces)
        case 6:
            return data[:start] + random.choice(pieces) + data[start:]
        case _:  # the beginning only
            return data[:start] if random.random() < 0.3 else data[:start] + data[end:]
