"""The way to hand mails over that the settings name."""

from collections.abc import Iterator

from backup_monitoring.mail.transport import WAIT, Transport
from backup_monitoring.settings import NotifySettings


def open_transport(settings: NotifySettings, wait: float = WAIT) -> Transport:
    """Return what `[notify] smtp` names; it connects with the first mail.

    Args:
        wait: seconds that any single answer may take.
    """
    if settings.smtp.startswith("sendmail:"):
        from backup_monitoring.mail.sendmail import Sendmail

        return Sendmail(settings.smtp.partition(":")[2], wait)
    from backup_monitoring.mail.smtp import Smtp

    return Smtp(settings, wait)


def try_transport(settings: NotifySettings, wait: float = WAIT) -> Iterator[str]:
    """Try what `[notify] smtp` names, sending nothing; say after each step what succeeded.

    Raises:
        TransportError: the step that failed, with its remedy.
        SettingsError: the password's file.
    """
    if settings.smtp.startswith("sendmail:"):
        from backup_monitoring.mail.sendmail import try_program

        yield try_program(settings.smtp.partition(":")[2])
        return
    from backup_monitoring.mail.smtp_session import try_server

    yield from try_server(settings, wait)
