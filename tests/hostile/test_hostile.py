"""Whatever one customer writes: all that is said of the others stays the same, to the byte."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest

from backup_monitoring.tasks import registry
from hostile.hostile_home import HostileHome, make_attributes
from programs.in_process import run_program
from programs.installed import EXAMPLES

BEFORE = "2026-11-24T12:00:00+01:00"
NOW = "2026-11-26T12:00:00+01:00"  # whoever has planned backups has missed some since
HOSTILE = "4000250"
LIKE = "4000104"  # whose reports the hostile one's begin as
COPIES = tuple(str(number) for number in range(4000201, 4000211))
SINK = """#!/bin/sh
exec cat > "{}/mails/$$-$(date +%s%N)"
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--hostile")))


class Provider:
    """The example's accounts and ten more, and the one that becomes hostile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "notify.toml"
        self.homes = folder / "tree" / "home"
        for name in ("store", "mails", "overview"):
            (folder / name).mkdir()
        shutil.copytree(EXAMPLES / "storage", folder / "tree", symlinks=True)
        text = (
            (EXAMPLES / "notify.toml")
            .read_text()
            .replace("sendmail:sink", f"sendmail:{folder}/sink")
        )
        self.config.write_text(text)
        (folder / "sink").write_text(SINK.format(folder))
        (folder / "sink").chmod(0o755)
        blocks = (EXAMPLES / "directory.ldif").read_text().rstrip("\n").split("\n\n")
        entries = {
            uid: each for each in blocks for uid in re.findall(r"^dn: uid=(\d+),ou=acc", each)
        }
        for uid, like in zip(COPIES, entries, strict=False):
            blocks.append(entries[like].replace(like, uid))
            if (self.homes / like).is_dir():
                shutil.copytree(self.homes / like, self.homes / uid, symlinks=True)
        own = entries[LIKE].replace(LIKE, HOSTILE)
        self._entry = re.sub("^sstBelongsTo.*\n", "", f"{own}\n", flags=re.MULTILINE)
        shutil.copytree(self.homes / LIKE, self.homes / HOSTILE, symlinks=True)
        self.others = [*(uid for uid in entries), *COPIES]
        self._blocks = blocks
        self.write_entries("")
        self._run("collect_backup_state", "--now", BEFORE)
        self._run("notify_backup", "--scan", "--now", BEFORE)
        shutil.copytree(folder / "store", folder / "before")

    def write_entries(self, more: str) -> None:
        """Write the directory; *more* replaces lines of the hostile one's entry."""
        own = self._entry
        for name in set(re.findall(r"^(\w+):", more, re.MULTILINE)):
            own = re.sub(f"^{name}:.*\n", "", own, flags=re.MULTILINE)
        text = "\n\n".join([*self._blocks, own + more])
        (self.folder / "directory.ldif").write_text(f"{text}\n")

    def restore(self) -> None:
        """Begin again after the first run, without the hostile one's home."""
        shutil.rmtree(self.folder / "store")
        shutil.copytree(self.folder / "before", self.folder / "store")
        for mail in (self.folder / "mails").iterdir():
            mail.unlink()
        # deeper than Python's recursion, and of modes that keep out its owner
        enter = ["-type", "d", "-exec", "chmod", "u+rwx", "{}", ";"]
        subprocess.run(
            ["find", self.homes / HOSTILE, *enter], check=False, stderr=subprocess.DEVNULL
        )
        subprocess.run(["rm", "-rf", self.homes / HOSTILE], check=True)

    def _run(self, program: str, *options: str) -> str:
        done = run_program(program, "--config", str(self.config), *options)
        return f"{done.code} {done.out}"

    def collect(self) -> None:
        """Make a run; it ends, whatever it has found."""
        assert re.match(r"[02] \d+ accounts", self._run("collect_backup_state", "--now", NOW))

    def list_outputs(self) -> Iterator[tuple[str, str]]:
        """Yield what is said of the others, with a name each."""
        named = [word for uid in self.others for word in ("-a", uid)]
        for task in sorted(registry.TASKS):
            for more in (("-vvv",), ("-vvv", "--live"), ("--output", "json")):
                options = (*named, "--now", NOW, *more)
                yield f"{task} {more}", self._run(f"check_backup_{task}", *options)
        objects = self._run("generate_backup_objects", "--now", NOW)
        blocks = [each for each in objects.split("\n\n") if HOSTILE not in each]
        yield "objects", "\n\n".join(blocks)
        self._run("notify_backup", "--scan", "--now", NOW)
        self._run("notify_backup", "--deliver", "--now", NOW)
        self._run("backup_overview", "--now", NOW)
        pages = (self.folder / "overview" / "page" / f"{uid}.html" for uid in self.others)
        yield "pages", "".join(each.read_text() for each in pages if each.exists())
        mails = [each.read_text() for each in (self.folder / "mails").iterdir()]
        kept = [each for each in mails if not re.search(_NOT_COMPARED, each, re.MULTILINE)]
        for number, mail in enumerate(sorted(re.sub(_RANDOM, "", each) for each in kept)):
            yield f"mail {number}", mail


# Message-IDs, and the boundaries that are made from them.
_RANDOM = "<[0-9a-f]{32}@|=_[0-9a-f]{24}"
# The operator's mail lists problems of all accounts; the hostile customer's own mails are his.
_NOT_COMPARED = rf"^To: .*(operations@example\.org|{HOSTILE})"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Provider:
    return Provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture(scope="module")
def expected(provider: Provider) -> Mapping[str, str]:
    """What is said of the others beside a customer who is not hostile."""
    provider.restore()
    shutil.copytree(provider.homes / LIKE, provider.homes / HOSTILE, symlinks=True)
    provider.collect()
    said = dict(provider.list_outputs())
    assert len([name for name in said if name.startswith("mail")]) > 5
    assert "WARNING" in said["schedule ('-vvv',)"]
    assert said["pages"].count("</html>") > len(COPIES)
    return said


def test_the_others_are_as_before(
    provider: Provider,
    expected: Mapping[str, str],
    seed: int,
) -> None:
    random = Random(seed)
    provider.restore()
    provider.write_entries(make_attributes(random))
    home = HostileHome(
        provider.homes / HOSTILE, provider.homes / LIKE, provider.homes / "4000101", random
    )
    home.fill()

    with home.swapping():
        provider.collect()
        said = dict(provider.list_outputs())

    for name, text in expected.items():
        assert said.get(name) == text, name
    assert said.keys() == expected.keys()
