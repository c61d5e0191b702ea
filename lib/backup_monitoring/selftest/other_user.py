"""Checks an installation as another user, with that user's rights and no others."""

import errno
import os
import pwd
import subprocess
import sys
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import MonitoringError, UsageError
from backup_monitoring.selftest.part_lines import Outcome, PartLine, parse_line

_PROGRAM = "backup_settings"
# Its arguments are the program's name, and those of the program. Without -P Python would import
# from the current folder, which may be anybody's.
_START = (
    "import sys; del sys.argv[0]; from backup_monitoring.plugin import launcher; launcher.main()"
)
_OWN_FAILURE = 3  # exit code
_LEAST, _MORE = 1, 2  # seconds: for the program, and for Python to start and end
_REMEDY = "install with a Python that all users can run, for example /usr/bin/python3"


class NoPrivilegeError(MonitoringError):
    """This process is root's, and may not become another user all the same."""


class User(NamedTuple):
    """A user of this server: *name*, numbers, and the numbers of all its *groups*."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def find_user(name: str) -> User:
    """Return the user *name*, with the groups of a login.

    Raises:
        UsageError: there is none, or this process may not become that user.
    """
    try:
        user = _make_user(pwd.getpwnam(name))
    except (KeyError, ValueError):
        raise UsageError("--as", f"{name!r} is not a user of this server", "name one") from None
    if os.geteuid() not in (0, user.uid):
        problem = f"only root can try it as {user.name}"
        raise UsageError("--as", problem, f"run it as root, or without --as as {user.name}")
    return user


def find_user_of(uid: int) -> User | None:
    """Return the user with the number *uid*, None if that has no name."""
    try:
        return _make_user(pwd.getpwuid(uid))
    except KeyError:
        return None


def _make_user(entry: pwd.struct_passwd) -> User:
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(groups))


def try_as(
    user: User, settings: Path, now: datetime, seconds: float, parts: Collection[str]
) -> Iterator[PartLine]:
    """Yield the lines of the check by *user* of the installation with the file *settings*.

    The program begins anew, so that *user* needs Python and the settings, too. It has this
    process's environment, and none of its privileges.

    Args:
        now: aware. seconds: that it may take. parts: of the installation.

    Raises:
        NoPrivilegeError: root lacks a capability, as in some containers.
        MonitoringError: it cannot be started, or does not end.
    """
    options = ["--test", "--config", str(settings.absolute()), "--now", now.isoformat()]
    options += ["--timeout", str(max(_LEAST, int(seconds) - _MORE))]
    for part in parts:
        options += ["--part", part]
    done = _run_as(user, options, seconds)
    lines = done.stdout.decode("utf-8", "backslashreplace").splitlines()
    if not lines:  # Python itself did not start, or not this package
        words = done.stderr.decode("utf-8", "backslashreplace").splitlines() or ["no reason given"]
        raise MonitoringError(_PROGRAM, f"{user.name} cannot load it ({words[-1]})", _REMEDY)
    if done.returncode == _OWN_FAILURE:
        text = lines[-1].partition("UNKNOWN - ")[2] or lines[-1]
        yield PartLine(Outcome.FAILED, "program", text, user.name)
        return
    for text in lines:
        yield parse_line(text, user.name) or PartLine(Outcome.NOTE, "program", text, user.name)


def _run_as(
    user: User, options: Collection[str], seconds: float
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - an argument list, of our own program
            [sys.executable, "-P", "-c", _START, _PROGRAM, *options],
            user=user.uid,
            group=user.gid,
            extra_groups=user.groups,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"did not end within {seconds:g} s as {user.name}"
        raise MonitoringError(_PROGRAM, problem, "see what it waits for") from None
    except OSError as error:
        if error.errno == errno.EPERM:  # of a file it would be EACCES
            problem = "may not become another user"
            remedy = f"give it CAP_SETUID and CAP_SETGID, or run it as {user.name}"
            raise NoPrivilegeError("this root", problem, remedy) from None
        problem = f"{user.name} cannot run it ({error.strerror})"
        raise MonitoringError(sys.executable, problem, _REMEDY) from None
