"""Section [notify]: who is notified, and how mails are sent."""

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

SMTP_PASSWORD_VARIABLE = "BACKUP_MONITORING_SMTP_PASSWORD"  # noqa: S105 - a name, not a secret


class ResellerDelivery(NamedTuple):
    """[notify.reseller]: whether resellers are notified, and how long events are collected."""

    enabled: bool = True
    digest: bool = True
    digest_delay: timedelta = timedelta(minutes=10)


class NotifySettings(NamedTuple):
    """[notify]: who is notified, and how mails are sent.

    Args:
        trigger: what triggers notifications: "monitoring" (the hook) or "scan".
        sender: ``From``, an address or ``Name <address>``. reply_to: ``Reply-To``, '' for none.
        support: contact in the mails. self_service: where customers change their recipients.
        smtp: ``smtp://HOST:PORT``, ``smtps://HOST:PORT`` or ``sendmail:/PATH``.
        start_tls: encrypt an ``smtp://`` connection before anything else is sent.
        ca_file: certificates of the authorities to trust; None: the system's.
        username, password: of the mail server, '' for none; never printed.
        password_file: read only when mails are delivered.
        outbox: file of the mail queue. log: file of decisions and deliveries; None: no log.
        operator: the provider's own address.
        return_path: of the mails; '' is the null return path.
        language: of recipients whose entry has none.
        templates: folder of the provider's own templates.
        warn_by_default: notify customers whose entry has no warning switch.
        reminder_interval: of problems that last. retry_for: how long delivery is retried.
        settle: how long mails of a new problem wait, so that a storm is recognized.
        storm: hold mails while many accounts of a server fail at once: more than
            *storm_percent* of them, and more than *storm_min_accounts*.
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
        """Return a text without the password."""
        return f"NotifySettings(trigger={self.trigger!r}, smtp={self.smtp!r})"


def parse_notify(table: Table, environment: Mapping[str, str]) -> NotifySettings:
    """Return the settings of section [notify]; SettingsError names the first bad key.

    Args:
        environment: may contain the mail server's password, as ``SMTP_PASSWORD_VARIABLE``.
    """
    default, folder = NotifySettings(), table.file.parent
    texts = ("sender", "reply_to", "support", "self_service", "operator", "return_path", "language")
    spans = ("reminder_interval", "retry_for", "settle")
    files = ("outbox", "log", "ca_file", "templates", "password_file")
    settings = default._replace(
        trigger=table.take("trigger", _parse_trigger, default.trigger),
        smtp=table.take("smtp", lambda v: _parse_mail_server(folder, v), default.smtp),
        start_tls=table.take("start_tls", parse_flag, default.start_tls),
        warn_by_default=table.take("warn_by_default", parse_flag, default.warn_by_default),
        storm=table.take("storm", parse_flag, default.storm),
        storm_percent=table.take("storm_percent", parse_percent, default.storm_percent),
        storm_min_accounts=table.take(
            "storm_min_accounts", parse_whole(1, 10**6), default.storm_min_accounts
        ),
        reseller=_parse_reseller(table.take_table("reseller")),
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
    settings = settings._replace(password=environment.get(SMTP_PASSWORD_VARIABLE, ""), **paths)
    if settings.username and not settings.password and settings.password_file is None:
        remedy = f"name the password's file, or set ${SMTP_PASSWORD_VARIABLE}"
        raise table.error("password_file", "is not set", remedy)
    return settings


def _parse_trigger(value: object) -> str:
    if value not in ("monitoring", "scan"):
        raise ValueError('not a valid trigger; use "monitoring" or "scan"')
    return str(value)


def _parse_mail_server(folder: Path, value: object) -> str:
    text = parse_text(value)
    kind, _, path = text.partition(":")
    if kind == "sendmail" and path:
        return f"sendmail:{folder.absolute() / path}"
    if not re.fullmatch(r"smtps?://[A-Za-z0-9.:\[\]-]+", text):
        raise ValueError(
            'not a valid mail server; write "smtp://HOST:PORT", "smtps://HOST:PORT" '
            'or "sendmail:PATH"'
        )
    return text


def _parse_reseller(table: Table) -> ResellerDelivery:
    default = ResellerDelivery()
    return ResellerDelivery(
        enabled=table.take("enabled", parse_flag, default.enabled),
        digest=table.take("digest", parse_flag, default.digest),
        digest_delay=table.take("digest_delay", parse_span, default.digest_delay),
    )
