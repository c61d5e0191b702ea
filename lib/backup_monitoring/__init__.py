"""Monitors the accounts of an online-backup service; each package's first line says its task."""

import sys
from collections.abc import Callable
from importlib import import_module

__version__ = "0.1.0"


def face(package: str, file: str) -> tuple[list[str], Callable[[str], object]]:
    """Return ``__all__`` and ``__getattr__`` of a package that loads its names when they are used.

    A check is a short process: one that reads the store must not load the LDAP library, though
    both are behind the same faces (PEP 562). The names are declared once, as the imports that
    the type checker sees, one statement a line; they are read from there.

    Args:
        package: its full name. file: its ``__init__.py``.
    """
    modules: dict[str, str] = {}
    with open(file, encoding="utf-8") as source:  # noqa: PTH123 - pathlib is not loaded yet
        for line in source:
            if line.startswith("    from "):
                _, module, _, names = line.split(maxsplit=3)
                modules |= dict.fromkeys(names.strip().split(", "), module)

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)  # the next access is an ordinary one
        return value

    return sorted(modules), load
