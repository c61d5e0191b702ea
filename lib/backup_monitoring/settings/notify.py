"""Section [notify]: who is notified, and how mails are sent."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from backup_monitoring.model import Key, parse_languages, parse_text
from backup_monitoring.settings.forms import declare_ca_file
from backup_monitoring.settings.toml_table import Table

_TOKEN, _TOKEN_LENGTH = "{token}", 36  # of the eleven digits of the hundred thousandth million
_LONGEST_LOCAL_PART = 64  # RFC 5321, 4.5.3.1.1
SMTP_PASSWORD_VARIABLE = "BACKUP_MONITORING_SMTP_PASSWORD"  # noqa: S105 - a name, not a secret


def _parse_mail_server(value: object) -> str:
    text = parse_text(value)
    kind, _, path = text.partition(":")
    if not (kind == "sendmail" and path) and not re.fullmatch(
        r"smtps?://[A-Za-z0-9.:\[\]-]+", text
    ):
        raise ValueError(
            'not a valid mail server; write "smtp://HOST:PORT", "smtps://HOST:PORT" '
            'or "sendmail:PATH"'
        )
    return text


def _parse_helo_name(value: object) -> str:
    text = parse_text(value)
    if text and not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|\[[A-Za-z0-9.:]+\]", text):
        raise ValueError('not a full host name; write "HOST.DOMAIN", or "[ADDRESS]"')
    return text


def _parse_return_path(value: object) -> str:
    text = parse_text(value)
    local, at, domain = text.rpartition("@")
    if text and not (at and local and domain and text.isascii() and text.isprintable()):
        raise ValueError('not an address; write for example "bounces+{token}@example.org"')
    if (
        set("{}") & set(text.replace(_TOKEN, "", 1))
        or _TOKEN in domain
        or set(text) & set(' <>,;"')
    ):
        raise ValueError('not an address with at most one {token}, before the "@"')
    if len(local.replace(_TOKEN, "0" * _TOKEN_LENGTH)) > _LONGEST_LOCAL_PART:
        least = _LONGEST_LOCAL_PART - _TOKEN_LENGTH
        raise ValueError(
            f"too long: before the @ there is room for {least} characters and {{token}}"
        )
    return text


def _parse_language(value: object) -> str:
    text = parse_text(value)
    parse_languages(text)
    return text


def _resolve_mail_server(folder: Path, server: str) -> str:
    kind, _, path = server.partition(":")
    return f"sendmail:{folder.absolute() / path}" if kind == "sendmail" else server


class ResellerDelivery(NamedTuple):
    """[notify.reseller]: whether resellers are notified, and how long events are collected."""

    enabled: Annotated[bool, Key("notify resellers", "")] = True
    digest: Annotated[bool, Key("collect a reseller's events into one mail")] = True
    digest_delay: Annotated[
        timedelta,
        Key(
            "wait this long for further events before sending the digest",
            "wait this long for further events",
        ),
    ] = timedelta(minutes=10)


class NotifySettings(NamedTuple):
    """[notify]: who is notified, and how `notify_backup` sends its mails.

    Args:
        password: from the environment; never printed.
    """

    trigger: Annotated[
        str,
        Key(
            "what triggers notifications: the monitoring system, or `notify_backup --scan` with a "
            "timer. Calls of the other kind are rejected",
            'the monitoring system\'s notifications, or "scan"',
            choices=("monitoring", "scan"),
        ),
    ] = "monitoring"
    sender: Annotated[
        str,
        Key(
            'sender, an address or `"Name <address>"`',
            "sender",
            name="from",
            example="Backup Service <backup@example.org>",
        ),
    ] = ""
    reply_to: Annotated[str, Key("address for replies")] = ""
    operator: Annotated[
        str,
        Key(
            "the provider's own address; notified of events that have no other recipient",
            "you: for events without another recipient",
            example="operations@example.org",
        ),
    ] = ""
    support: Annotated[
        str,
        Key(
            "contact for questions; appears in the mails",
            example="support@example.org",
        ),
    ] = ""
    self_service: Annotated[
        str,
        Key(
            "URL where customers change who is notified; appears in the mails",
            "where customers change who is notified",
            example="https://selfcare.example.org/",
        ),
    ] = ""
    smtp: Annotated[
        str,
        Key(
            "mail server: `smtp://HOST:PORT`, `smtps://HOST:PORT` or `sendmail:PATH`",
            'or "smtps://HOST:465", "sendmail:/usr/sbin/sendmail"',
            parse=_parse_mail_server,
            resolve=_resolve_mail_server,
        ),
    ] = "smtp://localhost:25"
    start_tls: Annotated[
        bool, Key("encrypt an `smtp://` connection before anything else is sent", "encrypt smtp://")
    ] = False
    ca_file: Annotated[Path | None, declare_ca_file()] = None
    username: Annotated[str, Key("user at the mail server")] = ""
    password_file: Annotated[
        Path | None,
        Key(
            f"file whose first line is the password. `${SMTP_PASSWORD_VARIABLE}` takes precedence",
            f"or set ${SMTP_PASSWORD_VARIABLE}",
            example="smtp-password",
        ),
    ] = None
    password: str = ""
    helo_name: Annotated[
        str,
        Key(
            "name of this host in EHLO, for a mail server that refuses the one that the system has",
            "this host's full name, if the server wants another one",
            example="backup.example.org",
            unset="the system's name, or its address",
            parse=_parse_helo_name,
        ),
    ] = ""
    return_path: Annotated[
        str,
        Key(
            "return path of the mails (envelope sender). With `{token}` before the @, each mail "
            "has one of its own, by which `notify_backup --bounce` knows it",
            "default: the null return path",
            unset="the null return path",
            parse=_parse_return_path,
        ),
    ] = ""
    outbox: Annotated[
        Path | None,
        Key(
            "file of the mail queue and of what was sent to whom",
            "the mail queue",
            example="/var/lib/backup-monitoring/outbox/outbox.sqlite",
        ),
    ] = None
    log: Annotated[
        Path | None,
        Key(
            "file of JSON lines, one per decision and delivery",
            "of decisions and deliveries",
            example="/var/log/backup-monitoring/notify.jsonl",
        ),
    ] = None
    language: Annotated[
        str,
        Key(
            "language of mails to recipients whose entries name none that there is",
            "for recipients whose entries name none",
            parse=_parse_language,
        ),
    ] = "en"
    templates: Annotated[
        Path | None,
        Key(
            "folder with your own texts and templates ([mails.md](mails.md))",
            "your own texts and templates",
            example="/etc/backup-monitoring/templates",
        ),
    ] = None
    warn_by_default: Annotated[bool, Key("notify customers whose entry has no warning switch")] = (
        True
    )
    reminder_interval: Annotated[
        timedelta, Key("interval of the scan's reminders of problems that last")
    ] = timedelta(days=7)
    summary: Annotated[
        str,
        Key(
            "send resellers a summary of their accounts, also if all is fine; needs a store",
            "also if all is fine; needs [store]",
            choices=("off", "weekly"),
        ),
    ] = "off"
    summary_customers: Annotated[bool, Key("send it to customers as well, of theirs")] = False
    retry_for: Annotated[
        timedelta,
        Key(
            "how long the delivery of a mail is retried, and the look-up for a call of the hook",
            "how long a mail, or the look-up for a call of the hook, is retried",
        ),
    ] = timedelta(days=3)
    settle: Annotated[
        timedelta,
        Key(
            "how long mails of a new problem wait, so that a storm can be recognized",
            "mails of a new problem wait, so that a storm is recognized",
        ),
    ] = timedelta(minutes=10)
    storm: Annotated[
        bool,
        Key(
            "hold mails of new problems while a server's customers fail one after the other",
            "hold them while a server's customers fail one after the other",
        ),
    ] = True
    storm_failures: Annotated[
        int,
        Key(
            "in schedule and status, a storm is this many failures",
            "in schedule and status this many failures",
            least=2,
            most=1000,
        ),
    ] = 5
    storm_of: Annotated[
        int,
        Key(
            "among this many of the newest outcomes, one per customer",
            least=2,
            most=1000,
        ),
    ] = 6
    storm_max_hold: Annotated[
        timedelta,
        Key(
            "how long mails are held at most; then what still fails is sent",
            "hold them at most this long; then what still fails is sent",
        ),
    ] = timedelta(hours=24)
    reseller: Annotated[
        ResellerDelivery,
        Key(
            "Whether resellers are notified, and whether their events are collected.",
            "for resellers",
        ),
    ] = ResellerDelivery()

    def __repr__(self) -> str:
        """Return a text without the password."""
        return f"NotifySettings(trigger={self.trigger!r}, smtp={self.smtp!r})"


def complete_notify(
    table: Table, settings: NotifySettings, environment: Mapping[str, str]
) -> NotifySettings:
    """Return *settings* with the password of the *environment*; SettingsError if it needs one."""
    settings = settings._replace(password=environment.get(SMTP_PASSWORD_VARIABLE, ""))
    if settings.storm_failures > settings.storm_of:
        problem = f"{settings.storm_failures} of {settings.storm_of} outcomes cannot be failures"
        raise table.error("storm_failures", problem, "set at most storm_of")
    if settings.username and not settings.password and settings.password_file is None:
        remedy = f"name the password's file, or set ${SMTP_PASSWORD_VARIABLE}"
        raise table.error("password_file", "is not set", remedy)
    return settings
