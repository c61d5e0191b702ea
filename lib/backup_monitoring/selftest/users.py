"""Which user of this server needs which part of an installation."""

import os
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.selftest.other_user import find_user_of
from backup_monitoring.settings import Settings

_ROOT = 0


class PartUsers(NamedTuple):
    """The users by the folders that they own, and this process's own; None: not known.

    Args:
        own: effective user id. collector: owner of the store. notifier: owner of the outbox.
        overview: owner of the page's folder, or of the metrics.
        hook: whether the monitoring system's user writes the outbox, too.
    """

    own: int
    collector: int | None
    notifier: int | None
    overview: int | None
    hook: bool

    @property
    def collects(self) -> bool:
        """Whether directory and homes are this user's to read."""
        return self.own in (_ROOT, self.collector) or self.collector is None

    @property
    def delivers(self) -> bool:
        """Whether mails are this user's to send."""
        return self.own in (_ROOT, self.notifier) or self.notifier is None

    @property
    def shows(self) -> bool:
        """Whether the files of the overview are this user's to write."""
        if self.own == _ROOT or self.overview is not None:
            return self.own in (_ROOT, self.overview)
        return self.own not in (self.collector, self.notifier)

    @property
    def is_overview_only(self) -> bool:
        """Whether this user is that of the overview, and not also the collector's or notifier's."""
        others = (_ROOT, self.collector, self.notifier)
        return self.own == self.overview and self.own not in others

    @property
    def is_collector_only(self) -> bool:
        """Whether this user is the collector's, and not also the notifier's."""
        return self.own == self.collector and not self.delivers

    @property
    def is_notifier_only(self) -> bool:
        """Whether this user is the notifier's, and not also the collector's."""
        return self.own == self.notifier and not self.collects

    @property
    def queues(self) -> bool:
        """Whether this user writes the outbox."""
        reads_only = self.is_collector_only or self.is_overview_only
        return self.delivers or (self.hook and not reads_only)

    @property
    def lacks_capability(self) -> bool:
        """Whether this user is the collector's, who reads homes by a capability of its unit."""
        return self.own != _ROOT and self.own == self.collector


def find_part_users(settings: Settings) -> PartUsers:
    """Return the users of the parts that *settings* name."""
    outbox = settings.notify.outbox
    return PartUsers(
        os.geteuid(),
        _find_owner(settings.store.folder),
        _find_owner(None if outbox is None else outbox.parent),
        _find_owner(settings.overview.folder) or _find_owner(settings.overview.metrics_file),
        settings.notify.trigger == "monitoring",
    )


def _find_owner(folder: Path | None) -> int | None:
    try:
        return None if folder is None else folder.stat().st_uid
    except OSError:  # trying the part says so
        return None


def name_user(uid: int | None) -> str:
    """Return the name of the user *uid*, for a text."""
    user = None if uid is None else find_user_of(uid)
    return str(uid) if user is None else user.name
