"""Versions of backup clients, compared as versions."""

import re

from packaging.version import InvalidVersion, Version

# git describe: so many commits after a release, such as 2.7.1-4-g0549bf1.
_DESCRIBED = re.compile(r"(.+)-([0-9]{1,9})-g[0-9a-f]{4,40}", re.ASCII)
_LONGEST = 64


def parse_version(text: str) -> Version | None:
    """Return the version that *text* says, None if it says none.

    Source: PEP 440, of which the clients' ``2.5.0-rc.3`` and ``2.0.5_pre`` are spellings.
    """
    if len(text) > _LONGEST:
        return None
    described = _DESCRIBED.fullmatch(text)
    try:
        return Version(f"{described[1]}.post{described[2]}" if described else text)
    except InvalidVersion:
        return None
