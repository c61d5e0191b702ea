"""The protocol of a directory, LDAP servers or an LDIF file."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from backup_monitoring.directory.entries import Entry

PhaseCallback = Callable[[str], None]


class FallbackStep(str):
    """The text of a step that failed, while the next server is tried."""

    __slots__ = ()


class Directory(Protocol):
    """A source of entries; a context manager that closes it.

    One search at a time: its answer is read to the end, or abandoned, before the next begins.
    """

    def steps(self) -> Iterator[str]:
        """Open the source; yield a few words after each step that succeeded, or a `FallbackStep`.

        Raises:
            DirectoryError: a step failed.
        """

    def entries(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries directly below *base* that match, with the *attributes* they have.

        Raises:
            MissingBaseError: *base* does not exist, or is hidden.
            DirectoryError: the answer is not complete; what was yielded before is only a part.
            SettingsError: *ldap_filter* or an attribute's name is not valid.
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
