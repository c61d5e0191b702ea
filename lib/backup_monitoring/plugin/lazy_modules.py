"""Modules of the standard library that load when they are first used.

nagiosplugin, urllib and the standard library itself import these for jobs that most runs of a
check never do. A check is a process per service: with stand-ins for them in `sys.modules` it takes
8 % less CPU time. A module belongs here only if a measurement of a check shows that it pays.
"""

import importlib
import sys
from types import ModuleType

RARELY_USED = ("ipaddress", "json", "tempfile", "traceback")


class LazyModule(ModuleType):
    """A stand-in that loads the module *name* when an attribute of it is first read.

    Not importlib's LazyLoader, which loads as soon as a second module imports the same name.
    """

    def __getattr__(self, name: str) -> object:
        # The import below must not find the stand-in again.
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        module = importlib.import_module(self.__name__)
        if getattr(module, "__file__", None) is None:
            # Python takes a folder whose __init__.py the disk does not show for a namespace.
            raise ImportError(f"{self.__name__} cannot be loaded", name=self.__name__)
        # Whoever imported the stand-in keeps it, so it gets all that the module has.
        self.__dict__.update(vars(module))
        return getattr(module, name)


def install_lazy_modules() -> None:
    """Put a stand-in into `sys.modules` for each rarely used module that is not loaded yet."""
    for name in RARELY_USED:
        sys.modules.setdefault(name, LazyModule(name))
