"""A fresh Debian as a newcomer's: the machine's own folders, whose changes go away afterwards."""

import importlib.metadata
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from programs.installed import ROOT, Ran

_SPACES = ("--mount", "--pid", "--uts", "--net")
_FOLDERS = ("/opt", "/usr/local", "/var/cache", "/var/lib", "/var/log", "/var/spool", str(ROOT))
# Of the machine's own units these, and none that would start or tidy up anything of it.
_UNITS = (
    "basic.target",
    "icinga2.service",
    "multi-user.target",
    "nagios-nrpe-server.service",
    "nagios4.service",
    "network-online.target",
    "prometheus-node-exporter.service",
    "shutdown.target",
    "systemd-journald.service",
    "systemd-journald.socket",
    "timers.target",
)
# What is written lands in memory; the network has nobody but the machine itself.
_PREPARE = r"""
set -e
scratch=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$scratch"
for folder; do
    layer=$scratch/$(echo "$folder" | tr / -)
    mkdir -p "$layer/new" "$layer/work"
    mount -t overlay -o "lowerdir=$folder,upperdir=$layer/new,workdir=$layer/work" overlay "$folder"
done
# boost, and so Icinga, cannot copy a file from one layer into another
cp -a /etc "$scratch/etc"
mount --bind "$scratch/etc" /etc
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
echo debian > /etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 debian.example.org debian\n' > /etc/hosts

rm -rf /etc/systemd/system /var/cache/icinga2/* # what Icinga has run here before, by another name
mkdir -p /etc/systemd/system "$scratch/units"
for unit in $UNITS; do ln -s "/lib/systemd/system/$unit" "$scratch/units"; done
printf '[Unit]\nWants=systemd-journald.socket\n' > "$scratch/units/sysinit.target"
systemd-tmpfiles --create --prefix=/run --prefix=/var/log 2>/dev/null || true
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
# a tree of control groups of its own: this systemd must not meet the machine's
mkdir "$scratch/groups"
mount -t cgroup2 cgroup2 "$scratch/groups"
mkdir "$scratch/groups/$GROUP"
echo 0 > "$scratch/groups/$GROUP/cgroup.procs"
export container=tests SYSTEMD_UNIT_PATH="/etc/systemd/system:$scratch/units"
exec unshare --cgroup sh -c "mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
    exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal"
"""


# A tree of control groups outlives what ran in it.
_TIDY = """
mount -t cgroup2 cgroup2 "$1"
for try in $(seq 100); do # the last of it may still be ending
    find "$1/$2" -depth -type d -exec rmdir {} + 2>/dev/null && exit
    sleep 0.1
done
"""


class FreshDebian:
    """Runs commands as root, in a clone of this repository, as they would be typed."""

    def __init__(self, number: int, wheels: Path) -> None:
        self._enter = ("nsenter", f"--target={number}", *_SPACES)
        self._environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            # pip and uv find what they need here instead of on the internet
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "UV_CACHE_DIR": "/var/cache/uv",
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": str(wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        }

    def run(self, line: str) -> Ran:
        """Run *line* by a shell of its own."""
        # The folder is entered anew: the caller's own lies below the layers.
        done = subprocess.run(
            [*self._enter, "sh", "-c", f"cd '{ROOT}'\n{line}"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def fresh_debian(folder: Path) -> Iterator[FreshDebian]:
    """Give a fresh Debian, its scratch in *folder*; end all that it runs.

    It needs root and mounts of its own. A normal user skips the test. Root skips it where mounts
    are not permitted, and in CI fails.
    """
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    for name in ("scratch", "wheels"):
        (folder / name).mkdir()
    write_wheels(folder / "wheels")
    group = f"backup-monitoring-{os.getpid()}-{folder.name}"
    scratch = str(folder / "scratch")
    command = ("unshare", *_SPACES, "--fork", "--kill-child", "--mount-proc")
    process = subprocess.Popen(
        [*command, "sh", "-c", _PREPARE, "sh", scratch, *_FOLDERS],
        env={
            "PATH": os.environ["PATH"],
            "UNITS": " ".join(_UNITS),
            "GROUP": group,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "said").open("wb"),
    )
    try:
        debian = _booted(process, folder)
        if debian is None:
            said = (folder / "said").read_text()
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no machine of its own: {said}")
        yield debian
    finally:
        process.kill()
        process.wait()
        subprocess.run(["unshare", "--mount", "sh", "-c", _TIDY, "sh", scratch, group])
        shutil.rmtree(folder / "wheels")


def _booted(process: subprocess.Popen[bytes], folder: Path) -> FreshDebian | None:
    """Return the machine of *process* when its systemd is up, None if it does not come up."""
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        if children:
            debian = FreshDebian(int(children), folder / "wheels")
            if debian.run("systemctl is-system-running --wait").out.strip() == "running":
                return debian
        time.sleep(0.1)
    return None


def write_wheels(folder: Path) -> None:
    """Write as wheels into *folder* what the package needs, from what the tests have installed."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    needed = setup["options"]["install_requires"].split("\n")
    for name in _closed(
        {"babel", "setuptools", "wheel", *(Requirement(n).name for n in needed if n)}
    ):
        distribution = importlib.metadata.distribution(name)
        title = distribution.metadata["Name"].replace("-", "_")
        wheel = folder / f"{title}-{distribution.version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in distribution.files or ():
                # Compiled parts are for one Python only, and can be done without.
                if ".." not in file.parts and file.suffix not in {".so", ".pyc"}:
                    archive.write(file.locate(), str(file))


def _closed(names: set[str]) -> set[str]:
    """Return *names* with what these need, and so on."""
    found: set[str] = set()
    while left := names - found:
        found |= left
        for name in left:
            for text in importlib.metadata.requires(name) or ():
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    names = names | {requirement.name}
    return found
