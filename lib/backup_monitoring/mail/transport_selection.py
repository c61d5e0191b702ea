"""Chooses the transport that the settings name."""

import math
from collections.abc import Iterator

from backup_monitoring.mail.transport import WAIT, Transport
from backup_monitoring.settings import NotifySettings


def open_transport(
    settings: NotifySettings, wait: float = WAIT, deadline: float = math.inf
) -> Transport:
    """Return the transport of ``[notify] smtp``; it connects with the first mail.

    Args:
        wait: seconds to wait for each answer, and four times as long for the one that decides.
        deadline: monotonic time at which this process ends: what might last longer is not begun.
    """
    if settings.smtp.startswith("sendmail:"):
        from backup_monitoring.mail.sendmail import Sendmail

        return Sendmail(settings.smtp.partition(":")[2], wait, deadline)
    from backup_monitoring.mail.smtp import Smtp

    return Smtp(settings, wait, deadline)


def try_transport(settings: NotifySettings, wait: float = WAIT) -> Iterator[str]:
    """Try the transport of ``[notify] smtp`` without sending; yield a line after each step.

    A `TransportRemark` is about what the server does not allow, and no mail needs.

    Raises:
        TransportError: the step that failed, with its remedy.
        MailError: ``from`` or ``operator`` is not valid.
        SettingsError: the file of the password.
    """
    if settings.smtp.startswith("sendmail:"):
        from backup_monitoring.mail.sendmail import try_program

        yield try_program(settings.smtp.partition(":")[2])
        return
    from backup_monitoring.mail.smtp_session import try_server

    yield from try_server(settings, wait)
