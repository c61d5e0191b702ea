"""Texts of the page: harmless, and without mail addresses."""

import re
from datetime import datetime, tzinfo
from functools import lru_cache

from markupsafe import Markup

from backup_monitoring.model import format_time, sanitize

# A part before and after the sign, and a dot in the latter: no name of a computer or a threshold.
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]{1,255}\.[^\s@<>\"'(),;:]{1,64}")
_HIDDEN = "[address]"


class PageTexts:
    """Writes texts and times for one page.

    Args:
        zone: in which times are written. show_addresses: mail addresses are shown as they are.
    """

    def __init__(self, zone: tzinfo, *, show_addresses: bool) -> None:
        self._zone = zone
        self._show_addresses = show_addresses
        self._times: dict[datetime, Markup] = {}
        # For what many accounts have in common: a threshold, a client.
        self.clean_often = lru_cache(maxsize=4096)(self.clean)

    def clean(self, text: str) -> str:
        """Return *text* of any origin as one harmless line, without addresses unless they show."""
        if "@" in text and not self._show_addresses:
            text = _ADDRESS.sub(_HIDDEN, text)
        return sanitize(text)

    def write_time(self, at: datetime | None) -> str:
        """Return *at* as an element ``time``, '' for None."""
        if at is None:
            return ""
        found = self._times.get(at)
        if found is None:
            text = format_time(at, self._zone)
            iso = text.replace(" ", "T", 1).replace(" ", "")
            # Digits, signs and letters of ours: nothing to escape.
            found = Markup(f'<time datetime="{iso}">{text}</time>')  # noqa: S704
            if len(self._times) < 10_000:
                self._times[at] = found
        return found

    def write_iso_time(self, text: str | None) -> str:
        """Return the time of a record as an element ``time``."""
        return self.write_time(None if text is None else datetime.fromisoformat(text))
