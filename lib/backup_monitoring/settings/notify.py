"""Section [notify] of the settings."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from backup_monitoring.settings.schema import (
    Table,
    parse_flag,
    parse_path,
    parse_span,
    parse_text,
    parse_whole,
)

SMTP_PASSWORD_VARIABLE = "BACKUP_MONITORING_SMTP_PASSWORD"  # noqa: S105 - a name


class ResellerDelivery(NamedTuple):
    """[notify.reseller]: whether resellers are told, and in digests of how long."""

    enabled: bool = True
    digest: bool = True
    digest_delay: timedelta = timedelta(minutes=10)


class NotifySettings(NamedTuple):
    """[notify]: how people are told.

    Args:
        driver: who decides when: "icinga" (the hook) or "scan".
        sender: ``From``, an address perhaps with a name. reply_to: ``Reply-To``, '' for none.
        help: whom to ask, for the mails. self_service: where a customer changes who is told.
        smtp: ``smtp://host:port``, ``smtps://host:port`` or ``sendmail:/path``.
        start_tls: protect an ``smtp://`` connection. ca_file: None: the system's authorities.
        username, password: of the mail server, '' without; never printed.
        password_file: read only where mails are delivered.
        outbox: the outbox's file. audit: the audit's file, None: none.
        fallback: the provider's own address.
        bounces: the return path of mails; '' is the null one.
        language: for those whose entries say none. templates: a folder of own templates.
        warn_by_default: whether to tell where the account's switch is missing.
        reminder_interval: of the scan. retry_for: how long a mail is retried.
        settle: how long a new problem's mails wait for a storm to show.
        storm: percent of a server's accounts; None: off. storm_at_least: accounts.
    """

    driver: str = "icinga"
    sender: str = ""
    reply_to: str = ""
    help: str = ""
    self_service: str = ""
    smtp: str = "smtp://localhost:25"
    start_tls: bool = False
    ca_file: Path | None = None
    username: str = ""
    password: str = ""
    password_file: Path | None = None
    outbox: Path | None = None
    audit: Path | None = None
    fallback: str = ""
    bounces: str = ""
    language: str = "en"
    templates: Path | None = None
    warn_by_default: bool = True
    reminder_interval: timedelta = timedelta(days=7)
    retry_for: timedelta = timedelta(days=3)
    settle: timedelta = timedelta(minutes=10)
    storm: float | None = 10
    storm_at_least: int = 20
    reseller: ResellerDelivery = ResellerDelivery()

    def __repr__(self) -> str:
        """Return what may be printed: never the password."""
        return f"NotifySettings(driver={self.driver!r}, smtp={self.smtp!r})"


def parse_notify(table: Table, environment: Mapping[str, str]) -> NotifySettings:
    """Return what section [notify] says.

    Raises:
        SettingsError: the file or a key of it, what is wrong, and what to do.
    """
    default, folder = NotifySettings(), table.file.parent
    texts = ("sender", "reply_to", "help", "self_service", "fallback", "bounces", "language")
    spans = ("reminder_interval", "retry_for", "settle")
    files = ("outbox", "audit", "ca_file", "templates", "password_file")
    made = default._replace(
        driver=table.take("driver", _driver, default.driver),
        smtp=table.take("smtp", lambda value: _mail_server(folder, value), default.smtp),
        start_tls=table.take("start_tls", parse_flag, default.start_tls),
        warn_by_default=table.take("warn_by_default", parse_flag, default.warn_by_default),
        storm=table.take("storm", _storm, default.storm, _format_storm),
        storm_at_least=table.take("storm_at_least", parse_whole(1, 10**6), default.storm_at_least),
        reseller=_reseller(table.table("reseller")),
        username=table.take("username", parse_text, ""),
        **{
            key: table.take("from" if key == "sender" else key, parse_text, getattr(default, key))
            for key in texts
        },
        **{key: table.take(key, parse_span, getattr(default, key)) for key in spans},
    )
    paths: dict[str, Any] = {
        key: table.take(key, lambda v: parse_path(folder, v), None) for key in files
    }
    made = made._replace(password=environment.get(SMTP_PASSWORD_VARIABLE, ""), **paths)
    if made.username and not made.password and made.password_file is None:
        raise table.error("password_file", "no password", f"name it, or ${SMTP_PASSWORD_VARIABLE}")
    return made


def _driver(value: object) -> str:
    if value not in ("icinga", "scan"):
        raise ValueError('neither "icinga" nor "scan"')
    return str(value)


def _mail_server(folder: Path, value: object) -> str:
    text = parse_text(value)
    kind, _, path = text.partition(":")
    if kind == "sendmail" and path:
        return f"sendmail:{folder.absolute() / path}"
    if not re.fullmatch(r"smtps?://[A-Za-z0-9.:\[\]-]+", text):
        raise ValueError('none of "smtp://HOST:PORT", "smtps://HOST:PORT", "sendmail:PATH"')
    return text


def _storm(value: object) -> float | None:
    text = parse_text(value)
    if text == "off":
        return None
    match = re.fullmatch(r"([0-9]{1,3})%", text)
    if match is None or not 1 <= int(match[1]) <= 100:
        raise ValueError('neither "off" nor a percentage such as "10%"')
    return float(match[1])


def _format_storm(storm: float | None) -> str:
    return '"off"' if storm is None else f'"{storm:g}%"'


def _reseller(table: Table) -> ResellerDelivery:
    default = ResellerDelivery()
    return ResellerDelivery(
        enabled=table.take("enabled", parse_flag, default.enabled),
        digest=table.take("digest", parse_flag, default.digest),
        digest_delay=table.take("digest_delay", parse_span, default.digest_delay),
    )
