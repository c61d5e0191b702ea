"""Says why TLS failed, in the same words on every Python."""

import ssl

# A server that closes the connection is the one or the other, depending on OpenSSL and Python.
HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


def explain_failure(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason, or that the server hung up."""
    if isinstance(error, HUNG_UP):
        return "the server hung up"
    return error.reason or str(error)
