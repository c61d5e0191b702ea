"""The directory: where accounts come from, a server or an LDIF file alike."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from backup_monitoring.directory.entries import Entry
from backup_monitoring.errors import SettingsError
from backup_monitoring.passwords import read_password
from backup_monitoring.places import DirectorySettings

__all__ = ["Directory", "Entry", "Phase", "Setback", "closed_directory", "open_directory"]

Phase = Callable[[str], None]


class Setback(str):
    """What a step says that did not succeed, while another way is tried."""

    __slots__ = ()


class Directory(Protocol):
    """A source of entries; a context manager that closes it.

    One reading at a time: `entries` is read to its end, or given up, before anything else is asked.
    """

    def steps(self) -> Iterator[str]:
        """Open the source; after each step say in a few words what succeeded, or a `Setback`.

        Raises:
            DirectoryError: the step that failed, with its remedy.
        """

    def entries(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries directly below *base* that match, with the *attributes* they have.

        Raises:
            UnseenError: *base* is not there, or hidden.
            DirectoryError: the answer is not complete; entries that were yielded before are then
                only a part.
            SettingsError: *ldap_filter* or an attribute's name is none.
        """

    def tree(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield *base* and the entries anywhere below it, otherwise as `entries`."""

    def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return the entry *dn* with *attributes*, None if there is none; raises as `entries`."""

    def close(self) -> None:
        """Close the source; a second time does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def open_directory(settings: DirectorySettings, phase: Phase) -> Directory:
    """Return the directory of *settings*, opened.

    Args:
        settings: section [directory].
        phase: called with a few words before each wait, for the time limit's message.

    Raises:
        DirectoryError: no server could be used, or the file cannot be read.
        SettingsError: ``uri`` is none, or the password cannot be read.
    """
    directory = closed_directory(settings, phase)
    try:
        for _ in directory.steps():
            pass
    except BaseException:
        directory.close()
        raise
    return directory


def closed_directory(settings: DirectorySettings, phase: Phase) -> Directory:
    """Return the directory of *settings*, to be opened by its ``steps()``; see `open_directory`."""
    # Either part is imported only where it is used: the LDAP library takes most of a check's time.
    files = [uri for uri in settings.uri if uri.lower().startswith("ldif:")]
    if not settings.uri or (files and len(settings.uri) > 1):
        problem = "a file cannot be one of several" if files else "not set"
        remedy = "name one ldif: file, or the servers"
        raise SettingsError(f"{settings.file}: [directory] uri", problem, remedy)
    if files:
        from backup_monitoring.directory.ldif import LdifDirectory

        return LdifDirectory(settings, phase)
    from backup_monitoring.directory.ldap import LdapDirectory

    if settings.bind == "simple" and not settings.password and settings.password_file:
        settings = settings._replace(password=read_password(settings.password_file))
    return LdapDirectory(settings, phase)
