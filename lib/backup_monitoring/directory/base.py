"""The directory: where accounts come from, a server or an LDIF file alike."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from backup_monitoring.directory.entries import Entry

PhaseCallback = Callable[[str], None]


class FallbackStep(str):
    """What a step says that did not succeed, while another way is tried."""

    __slots__ = ()


class Directory(Protocol):
    """A source of entries; a context manager that closes it.

    One reading at a time: `entries` is read to its end, or given up, before anything else is asked.
    """

    def steps(self) -> Iterator[str]:
        """Open the source; after each step say in a few words what succeeded, or a `FallbackStep`.

        Raises:
            DirectoryError: the step that failed, with its remedy.
        """

    def entries(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries directly below *base* that match, with the *attributes* they have.

        Raises:
            MissingBaseError: *base* is not there, or hidden.
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
