"""How servers' certificates are verified, and why TLS failed: alike on every Python."""

import ssl
from pathlib import Path

# A server that closes the connection is the one or the other, depending on OpenSSL and Python.
HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


def make_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies a server's certificate, its chain, dates and name.

    Args:
        ca_file: certificates of the authorities to trust, PEM; None: the system's.

    Raises:
        OSError: the file cannot be read, or has no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    # Python 3.13 also rejects authorities that lack extensions of RFC 5280: that of Icinga 2's
    # "api setup", and nearly every one that was made by hand. What it verifies is verified anyway.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def explain_failure(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason, or that the server hung up."""
    if isinstance(error, HUNG_UP):
        return "the server hung up"
    return error.reason or str(error)
