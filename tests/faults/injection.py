"""Lets one system call of a program fail at a time, by strace's error injection."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from faults.programs import ENVIRONMENT, ROOT

# What each call fails with; "+": and each one after it, as on a full disk.
ERRORS = (
    *(("openat", "EIO"), ("openat", "EMFILE+"), ("newfstatat", "EIO"), ("getdents64", "EIO")),
    *(("read", "EIO"), ("pread64", "EIO"), ("lseek", "EIO"), ("close", "EIO"), ("mmap", "ENOMEM")),
    *(("mmap", "ENOMEM+"), ("readlink", "EIO"), ("ioctl", "EIO"), ("fcntl", "ENOLCK")),
    *(("flock", "ENOLCK"), ("write", "ENOSPC"), ("pwrite64", "ENOSPC"), ("pwrite64", "ENOSPC+")),
    *(("fsync", "EIO"), ("fdatasync", "EIO"), ("ftruncate", "EIO"), ("rename", "EIO")),
    *(("renameat", "EIO"), ("unlink", "EIO"), ("unlinkat", "EIO"), ("chmod", "EPERM")),
    *(("fchmod", "EPERM"), ("fchmodat", "EPERM"), ("socket", "EMFILE"), ("connect", "ENETUNREACH")),
    *(("sendto", "EPIPE"), ("recvfrom", "ECONNRESET"), ("poll", "ENOMEM"), ("pipe2", "EMFILE")),
    *(("clone3", "EAGAIN"), ("mkdir", "ENOSPC"), ("linkat", "EIO")),
)
_CALLS = ",".join(dict.fromkeys(call for call, _ in ERRORS))
_CALL = re.compile(r"(\d+) +(\w+)\(")


class Injected(NamedTuple):
    """A run with one *fault*, as strace has it, and what became of it."""

    fault: str
    code: int
    out: str
    err: str


class Program(NamedTuple):
    """A program with its options, started by its script."""

    name: str
    options: tuple[str, ...]

    def run(self, *before: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, sys.executable, self._script, *self.options],
            env=os.environ | ENVIRONMENT | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def count_calls(self, trace: Path) -> dict[str, range]:
        """Return the numbers of each system call's occurrences since the script was read.

        What fails before, is Python's own, and ends it by 1, 2 or 127.
        """
        self.run("strace", "-f", "-o", str(trace), "-e", f"trace={_CALLS}")
        lines = trace.read_text(errors="replace").splitlines()
        thread = lines[0].split()[0]
        before, all_calls, phase = Counter[str](), Counter[str](), "Python"
        for line in lines:
            match = _CALL.match(line)
            if match is None or match[1] != thread:
                continue
            if match[2] == "openat":  # the first one after the script's is of an import
                phase = {"script": "ours"}.get(phase, phase)
                phase = "script" if f'"{self._script}"' in line else phase
            all_calls[match[2]] += 1
            before[match[2]] += phase != "ours"
        assert phase == "ours", f"{self.name} has not begun"
        return {call: range(before[call] + 1, count + 1) for call, count in all_calls.items()}

    def inject(self, call: str, error: str, numbers: Sequence[int]) -> Iterator[Injected]:
        """Run the program once for each of *numbers*: that occurrence of *call* fails."""
        for number in numbers:
            more = "+" * error.endswith("+")
            fault = f"{call}:error={error.rstrip('+')}:when={number}{more}"
            strace = ("strace", "-fqqo", "/dev/null", "--seccomp-bpf")
            done = self.run(*strace, "-e", f"trace={call}", "-e", f"inject={fault}")
            yield Injected(fault, done.returncode, done.stdout, done.stderr)

    @property
    def _script(self) -> str:
        return str(ROOT / "bin" / self.name)


def spread(numbers: range, most: int) -> list[int]:
    """Return at most *most* of *numbers*, as far from each other as possible, the ends included."""
    if len(numbers) <= most:
        return list(numbers)
    step = (len(numbers) - 1) / max(1, most - 1)
    return sorted({numbers[round(index * step)] for index in range(most)})
