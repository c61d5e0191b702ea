"""Monitors the accounts of an online-backup service; each package's first line says its task."""

import sys
from collections.abc import Callable
from importlib import import_module

__version__ = "0.1.0"


def face(package: str, **modules: str) -> tuple[list[str], Callable[[str], object]]:
    """Return ``__all__`` and ``__getattr__`` of a package that loads its names when they are used.

    A check is a short process: one that reads the store must not load the LDAP library, though
    both stand behind the same faces (PEP 562).

    Args:
        package: its full name.
        modules: by module, the names that other packages may import, parted by blanks.
    """
    places = {name: module for module, names in modules.items() for name in names.split()}

    def load(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{places[name]}"), name)
        setattr(sys.modules[package], name, value)  # the next access is an ordinary one
        return value

    return sorted(places), load
