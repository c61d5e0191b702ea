"""How servers' certificates are verified, and why TLS failed: alike on every Python."""

import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import SettingsError

# A server that closes the connection is the one or the other, depending on OpenSSL and Python.
HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
# OpenSSL's X509_V_ERR numbers: of an untrusted authority, of another name, of the dates
_UNTRUSTED = (2, 18, 19, 20, 21)
_OTHER_NAME = (62, 64)
_DATES = {9: "is not valid yet", 10: "has expired"}


class Trust(NamedTuple):
    """Whose certificates are trusted, and the settings that say so.

    Args:
        ca_file: certificates of the authorities, PEM; None: the system's.
        section: of the settings, with the key ``ca_file``.
        address_key: its key with the server's address.
        file: the settings file, for messages; '' leaves it out.
    """

    ca_file: Path | None
    section: str
    address_key: str
    file: str = ""

    def format_key(self, key: str) -> str:
        """Return the place of *key* in the settings, for messages."""
        return f"[{self.section}] {key}" + (f" in {self.file}" if self.file else "")


def make_context(trust: Trust) -> ssl.SSLContext:
    """Return a context that verifies a server's certificate, its chain, dates and name.

    Raises:
        SettingsError: ``ca_file`` cannot be read, or has no certificate.
    """
    context = _load_authorities(trust)
    # Python 3.13 also rejects authorities that lack extensions of RFC 5280: that of Icinga 2's
    # "api setup", and nearly every one that was made by hand. What it verifies is verified anyway.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # As of Python 3.13: what ca_file names is trusted, also an authority below another one.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Only subjectAltName counts (RFC 9525). By default OpenSSL takes the common name without one.
    context.hostname_checks_common_name = False
    return context


def _load_authorities(trust: Trust) -> ssl.SSLContext:
    try:
        if trust.ca_file is not None:
            trust.ca_file.open("rb").close()  # OpenSSL's errors do not always say why it cannot
        return ssl.create_default_context(cafile=trust.ca_file)
    except ssl.SSLError as error:
        problem = f"no certificate in PEM form ({error.reason or error})"
    except OSError as error:
        problem = error.strerror or str(error)
    raise SettingsError(
        str(trust.ca_file),
        f"cannot load CA certificates: {problem}",
        f"set a readable PEM file as {trust.format_key('ca_file')}",
    )


def explain_failure(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason, or that the server hung up."""
    if isinstance(error, HUNG_UP):
        return "the server hung up"
    return error.reason or str(error)


def explain_rejection(
    error: ssl.SSLCertVerificationError, host: str, trust: Trust
) -> tuple[str, str]:
    """Return why the certificate of *host* was rejected, and the remedy."""
    code = error.verify_code
    if code in _UNTRUSTED:
        return (
            f"its certificate's authority is not trusted ({error.verify_message})",
            f"set the authority's certificate as {trust.format_key('ca_file')}",
        )
    if code in _OTHER_NAME:
        return (
            f"its certificate is not for {host}",
            f"use a name of its subjectAltName as {trust.format_key(trust.address_key)}, "
            "or issue it for this name (the common name does not count)",
        )
    if outdated := _find_outdated(trust.ca_file) if code in _DATES else None:
        return (
            f"the authority's certificate in {trust.ca_file} {_DATES[code]} ({outdated})",
            f"set the one in use now as {trust.format_key('ca_file')}, and check the clocks",
        )
    return (
        f"its certificate {_DATES.get(code, f'is rejected ({error.verify_message})')}",
        "check the server's certificate, and the clocks",
    )


def _find_outdated(ca_file: Path | None) -> str | None:
    """Return the dates of the authorities in *ca_file* if none of them is valid now."""
    if ca_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    dates = [
        tuple(ssl.cert_time_to_seconds(str(each[key])) for key in ("notBefore", "notAfter"))
        for each in context.get_ca_certs()
    ]
    now = time.time()
    if not dates or any(first <= now <= last for first, last in dates):
        return None
    return " to ".join(f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" for seconds in max(dates))
