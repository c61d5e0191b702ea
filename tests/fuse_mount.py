"""A file system that can be stopped: whoever touches it waits for ever."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_fuse = pytest.mark.skipif(
    not os.access("/dev/fuse", os.R_OK | os.W_OK),
    reason="the kernel of this machine has no FUSE, or not for this user (/dev/fuse)",
)


class FuseMount:
    """What is in *folder*, moved to *source*, and shown there by a FUSE file system."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        shutil.move(folder, source)
        folder.mkdir()
        own = [] if os.getuid() == 0 else ["--no-allow-other"]
        self._process = subprocess.Popen(["bindfs", "-f", *own, source, folder])
        until = time.monotonic() + 120
        while not folder.is_mount():
            assert self._process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)

    def stop(self) -> None:
        """Let it answer no more."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._process.send_signal(signal.SIGCONT)

    def unmount(self) -> None:
        """Remove it, whether it answers or not."""
        self.go_on()
        command = ["umount", "-l"] if os.getuid() == 0 else ["fusermount3", "-uz"]
        subprocess.run([*command, self.folder], check=True)
        self._process.kill()
        self._process.wait()


@contextmanager
def mounted(folder: Path, source: Path) -> Iterator[FuseMount]:
    """Mount as `FuseMount` does, and unmount at the end."""
    mount = FuseMount(folder, source)
    try:
        yield mount
    finally:
        mount.unmount()
