"""Section [notify] of the settings."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from backup_monitoring.settings.toml_table import (
    Table,
    parse_flag,
    parse_path,
    parse_percent,
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
        trigger: who decides when: "monitoring" (the hook) or "scan".
        sender: ``From``, an address perhaps with a name. reply_to: ``Reply-To``, '' for none.
        support: whom to ask, for the mails. self_service: where a customer changes who is told.
        smtp: ``smtp://host:port``, ``smtps://host:port`` or ``sendmail:/path``.
        start_tls: protect an ``smtp://`` connection. ca_file: None: the system's authorities.
        username, password: of the mail server, '' without; never printed.
        password_file: read only where mails are delivered.
        outbox: the outbox's file. log: of decisions and deliveries, None: none.
        operator: the provider's own address.
        return_path: of mails; '' is the null one.
        language: for those whose entries say none. templates: a folder of own templates.
        warn_by_default: whether to tell where the account's switch is missing.
        reminder_interval: of the scan. retry_for: how long a mail is retried.
        settle: how long a new problem's mails wait for a storm to show.
        storm: whether mails are held while many accounts of a server fail at once:
            more than storm_percent of them, and more than storm_min_accounts.
    """

    trigger: str = "monitoring"
    sender: str = ""
    reply_to: str = ""
    support: str = ""
    self_service: str = ""
    smtp: str = "smtp://localhost:25"
    start_tls: bool = False
    ca_file: Path | None = None
    username: str = ""
    password: str = ""
    password_file: Path | None = None
    outbox: Path | None = None
    log: Path | None = None
    operator: str = ""
    return_path: str = ""
    language: str = "en"
    templates: Path | None = None
    warn_by_default: bool = True
    reminder_interval: timedelta = timedelta(days=7)
    retry_for: timedelta = timedelta(days=3)
    settle: timedelta = timedelta(minutes=10)
    storm: bool = True
    storm_percent: float = 10
    storm_min_accounts: int = 20
    reseller: ResellerDelivery = ResellerDelivery()

    def __repr__(self) -> str:
        """Return what may be printed: never the password."""
        return f"NotifySettings(trigger={self.trigger!r}, smtp={self.smtp!r})"


def parse_notify(table: Table, environment: Mapping[str, str]) -> NotifySettings:
    """Return what section [notify] says.

    Raises:
        SettingsError: the file or a key of it, what is wrong, and what to do.
    """
    default, folder = NotifySettings(), table.file.parent
    texts = ("sender", "reply_to", "support", "self_service", "operator", "return_path", "language")
    spans = ("reminder_interval", "retry_for", "settle")
    files = ("outbox", "log", "ca_file", "templates", "password_file")
    made = default._replace(
        trigger=table.take("trigger", _trigger, default.trigger),
        smtp=table.take("smtp", lambda value: _mail_server(folder, value), default.smtp),
        start_tls=table.take("start_tls", parse_flag, default.start_tls),
        warn_by_default=table.take("warn_by_default", parse_flag, default.warn_by_default),
        storm=table.take("storm", parse_flag, default.storm),
        storm_percent=table.take("storm_percent", parse_percent, default.storm_percent),
        storm_min_accounts=table.take(
            "storm_min_accounts", parse_whole(1, 10**6), default.storm_min_accounts
        ),
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


def _trigger(value: object) -> str:
    if value not in ("monitoring", "scan"):
        raise ValueError('neither "monitoring" nor "scan"')
    return str(value)


def _mail_server(folder: Path, value: object) -> str:
    text = parse_text(value)
    kind, _, path = text.partition(":")
    if kind == "sendmail" and path:
        return f"sendmail:{folder.absolute() / path}"
    if not re.fullmatch(r"smtps?://[A-Za-z0-9.:\[\]-]+", text):
        raise ValueError('none of "smtp://HOST:PORT", "smtps://HOST:PORT", "sendmail:PATH"')
    return text


def _reseller(table: Table) -> ResellerDelivery:
    default = ResellerDelivery()
    return ResellerDelivery(
        enabled=table.take("enabled", parse_flag, default.enabled),
        digest=table.take("digest", parse_flag, default.digest),
        digest_delay=table.take("digest_delay", parse_span, default.digest_delay),
    )
