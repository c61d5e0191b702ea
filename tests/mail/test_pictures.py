"""Mails in a real browser: light and dark, on a phone and on a desk; the pictures are kept."""

import email
import email.policy
import os
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from backup_monitoring.mail.compose import Mail
from backup_monitoring.mail.samples import make_samples
from backup_monitoring.model.notices import Recipient, Role
from backup_monitoring.settings.notify import NotifySettings

pytestmark = pytest.mark.server

FOLDER = "BACKUP_MONITORING_PICTURES"
WIDTHS = {"phone": 390, "desk": 1000}
COLOURS = {"light": (), "dark": ("--blink-settings=preferredColorScheme=0",)}
POLICY = NotifySettings(
    sender="Backup <backup@example.org>",
    support="support@example.org",
    self_service="https://selfcare.example.org/warnings/of/an/account/with/a/long/address",
)
SHOWN = (
    "de-problem-quota",
    "de-problem-schedule",
    "en-problem-status",
    "fr-problem-client",
    "it-problem-unused",
    "fr-recovery-schedule",
    "it-reminder-quota",
    "en-custom-status",
    "de-list-reseller",
    "en-list-storm",
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
HEAD = """<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>body { margin: 0; white-space: nowrap } iframe { border: 0; vertical-align: top }</style>
"""
# A window is never narrower than 500 pixels: a phone is a frame in it.
FRAME = '<iframe id="{name}-{device}" src="{name}.html" width="{width}" height="{height}"></iframe>'
MEASURE = """<p id="sizes"></p><script>
window.onload = () => {
  const sizes = ["dark=" + matchMedia("(prefers-color-scheme: dark)").matches];
  for (const frame of document.querySelectorAll("iframe")) {
    const inner = frame.contentDocument.documentElement;
    sizes.push(`${frame.id}=${inner.scrollWidth}x${inner.querySelector("table").offsetHeight}`);
  }
  document.getElementById("sizes").textContent = sizes.join(" ");
};
</script>"""


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: tests/run installs it")
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures stay: a folder of the environment's choice."""
    named = os.environ.get(FOLDER)
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def html_of(mail: Mail) -> str:
    """Return the HTML body of *mail*."""
    body = email.message_from_bytes(mail.data, policy=email.policy.default).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def run(chromium: str, home: Path, *arguments: str) -> str:
    """Return what chromium prints."""
    done = subprocess.run(
        [
            chromium,
            *FLAGS,
            f"--user-data-dir={home}",
            "--allow-file-access-from-files",
            *arguments,
        ],
        capture_output=True,
        timeout=60,
        text=True,
        check=True,
    )
    return done.stdout


def frames(name: str, height: int) -> str:
    """Return the mail *name* on all devices, side by side."""
    return "".join(
        FRAME.format(name=name, device=device, width=width, height=height)
        for device, width in WIDTHS.items()
    )


def rows_of(png: bytes) -> list[bytes]:
    """Return a picture's rows of pixels, as they are before they are filtered."""
    assert png.startswith(b"\x89PNG")
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    width, _ = struct.unpack(">II", png[16:24])
    raw = zlib.decompress(data)
    step = 1 + width * {2: 3, 6: 4}[png[25]]
    return [raw[i : i + step] for i in range(0, len(raw), step)]


@pytest.fixture(scope="session")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the HTML of the mails that are shown."""
    folder = tmp_path_factory.mktemp("mails")
    for language in ("de", "en", "fr", "it"):
        recipient = Recipient(
            "anna@example.org", "Anna Müller", Role.CUSTOMER, language, gender="f", surname="Müller"
        )
        for sample in make_samples(recipient, POLICY):
            (folder / f"{sample.name}.html").write_text(html_of(sample.mail), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def sizes(chromium: str, mails: Path) -> dict[str, tuple[int, int]]:
    """Width and height in pixels of each mail on each device."""
    page = mails / "all.html"
    page.write_text(HEAD + "".join(frames(name, 100) for name in SHOWN) + MEASURE)
    sizes = run(chromium, mails / "home", "--dump-dom", page.as_uri())
    found = re.findall(r"([\w-]+)=(\d+)x(\d+)", sizes)
    assert len(found) == len(SHOWN) * len(WIDTHS), sizes[-500:]
    return {name: (int(width), int(height)) for name, width, height in found}


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("device", WIDTHS)
def test_no_mail_has_to_be_moved_sideways(
    sizes: dict[str, tuple[int, int]], name: str, device: str
) -> None:
    assert sizes[f"{name}-{device}"][0] == WIDTHS[device]


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("name", SHOWN)
def test_mails_are_shown(
    chromium: str,
    mails: Path,
    pictures: Path,
    sizes: dict[str, tuple[int, int]],
    name: str,
    colours: str,
) -> None:
    height = max(sizes[f"{name}-{device}"][1] for device in WIDTHS)
    page = mails / f"show-{name}.html"
    page.write_text(HEAD + frames(name, height))
    png = pictures / f"{name}-{colours}.png"

    size = f"--window-size={sum(WIDTHS.values())},{height}"
    run(chromium, mails / "home", f"--screenshot={png}", size, *COLOURS[colours], page.as_uri())

    rows = rows_of(png.read_bytes())
    assert len(rows) == height
    assert len(set(rows)) > 100, "hardly anything is to be seen"


def test_dark_is_dark(chromium: str, mails: Path, tmp_path: Path) -> None:
    shots = []
    for colours, flags in COLOURS.items():
        shots.append(tmp_path / f"{colours}.png")
        page = (mails / f"{SHOWN[0]}.html").as_uri()
        run(chromium, mails / "home", f"--screenshot={shots[-1]}", *flags, page)

    light, dark = (rows_of(shot.read_bytes())[0][1:4] for shot in shots)

    assert min(light) > 200
    assert max(dark) < 60
