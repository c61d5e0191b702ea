"""Whatever the caller's locale is: names, arguments, environment and mails are UTF-8."""

import subprocess
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import default

import pytest

from faults.programs import run
from store.fleet import Fleet, entry

NOW, LATER = "2026-11-20T21:00+01:00", "2026-11-20T23:00+01:00"  # a Friday
FOLDER = "Comptabilité 日"
LOCALES = {"fr_CH.ISO-8859-1": ("fr_CH", "ISO-8859-1"), "ja_JP.EUC-JP": ("ja_JP", "EUC-JP")}
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "ISO-8859-1": {"LC_ALL": "fr_CH.ISO-8859-1"},
    "two bytes a character": {"LC_ALL": "ja_JP.EUC-JP"},
    "ISO-8859-1 in parts": {"LANG": "C.UTF-8", "LC_CTYPE": "fr_CH.ISO-8859-1"},
    "no locale": {"LC_ALL": "C"},
    "a locale that is missing": {"LC_ALL": "xx_XX.UTF-8"},
    "no locale, Python's choice off": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    "ASCII": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "Python's UTF-8 mode": {"LC_ALL": "fr_CH.ISO-8859-1", "PYTHONUTF8": "1"},
    "Python's UTF-8 mode off": {"LC_ALL": "fr_CH.ISO-8859-1", "PYTHONUTF8": "0"},
    "another encoding of the output": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"},
}
every_environment = pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Where these locales are: in no folder of the system."""
    folder = tmp_path_factory.mktemp("locales")
    for name, (language, encoding) in LOCALES.items():
        # Its warnings end it with 1, though the locale is written.
        subprocess.run(
            ["localedef", "-i", language, "-f", encoding, folder / name], capture_output=True
        )
        assert (folder / name / "LC_CTYPE").exists()
    return {"LOCPATH": str(folder), "LC_ALL": "", "LC_CTYPE": "", "LANG": ""}


@pytest.fixture
def accented(fleet: Fleet) -> Fleet:
    """A fleet whose account, computer and settings have names that are not ASCII."""
    (fleet.folder / "outbox").mkdir()
    send = fleet.folder / "envoyé"
    send.write_text(f"#!/bin/sh\ncat >{fleet.folder}/mail\n")
    send.chmod(0o755)
    fleet.settings_text(
        f'weekdays = {{ "4000101/{FOLDER}" = [6] }}\n[notify]\nfrom = "backup@example.org"\n'
        'operator = "operations@example.org"\ntrigger = "monitoring"\n'
        f'smtp = "sendmail:{send}"\noutbox = "outbox/outbox.sqlite"\n'
    )
    fleet.entries(entry("4000101"), entry("Zoé"))
    fleet.plan("4000101", 12, FOLDER)
    # A Saturday: without [schedule.weekdays] six backups have been missed since.
    fleet.start("4000101", "2026-11-14T12:00:00+01:00", name=FOLDER)
    fleet.end("4000101", "2026-11-14T12:30:00+01:00", name=FOLDER)
    return fleet


@every_environment
def test_a_folder_an_argument_and_the_output(
    accented: Fleet, locales: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    given = {**locales, **environment}

    ran = run(accented, NOW, "collect_backup_state", environment=given)
    assert (ran.code, "weekdays" in ran.text) == (0, False)
    ran = run(accented, NOW, "check_backup_schedule", "-a", "4000101", environment=given)
    assert ran.first.startswith(f"BACKUP SCHEDULE OK - 4000101 {FOLDER}: none missed, last")
    ran = run(accented, NOW, "check_backup_quota", "-a", "zoé", environment=given)
    assert ran.first.startswith("BACKUP QUOTA OK - Zoé: 50.0 %")
    ran = run(accented, NOW, "check_backup_quota", "-a", "Zo\udce9", environment=given)
    assert ran.first.startswith("BACKUP QUOTA UNKNOWN - Zo\\xe9: no such account")


@every_environment
def test_the_environment_and_the_mail(
    accented: Fleet, locales: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    accented.collect(NOW)
    event = {
        "NOTIFY_ACCOUNT": "Zoé",
        "NOTIFY_TASK": "quota",
        "NOTIFY_TYPE": "CUSTOM",
        "NOTIFY_STATE": "CRITICAL",
        "NOTIFY_AUTHOR": "Éloïse 日",
        "NOTIFY_COMMENT": "libère dès que possible 日",
        "NOTIFY_OUTPUT": "100 % utilisés",
    }

    given = {**locales, **environment}
    ran = run(accented, NOW, "notify_backup", environment=given | event)
    run(accented, NOW, "notify_backup", "--deliver", environment=given)
    ran = run(accented, LATER, "notify_backup", "--deliver", environment=given)  # a digest

    assert ran.code in (0, 1), ran.text
    mail = message_from_bytes((accented.folder / "mail").read_bytes(), policy=default)
    text = mail.get_body(("plain",))
    assert text is not None
    assert "libère dès que possible 日" in text.get_content()
    assert "Zoé" in text.get_content()
