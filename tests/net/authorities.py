"""Authorities and servers' certificates, made as by hand."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

_CONFIGURATION = """\
[authority]
basicConstraints = CA:TRUE
[named]
subjectAltName = DNS:localhost, DNS:backup_01, IP:::1
[nameless]
basicConstraints = CA:FALSE
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def make_certificate(
    folder: Path, name: str, extensions: str, days: int = 2, by: str | None = None
) -> None:
    """Make ``NAME.crt`` and ``NAME.key`` in *folder*, without key usage and key identifiers.

    Args:
        name: also the file's; a server's common name is always localhost.
        extensions: a section of the configuration above.
        days: 0: has expired. by: the authority that signs it; None: itself.
    """
    (folder / "plain.cnf").write_text(_CONFIGURATION)
    subject = f"/CN={name}" if extensions == "authority" else "/CN=localhost"
    key, request = folder / f"{name}.key", folder / f"{name}.csr"
    openssl("req", *_KEY, "-subj", subject, "-keyout", key, "-out", request)
    signer: tuple[str | Path, ...] = ("-signkey", key)
    if by is not None:
        signer = ("-CA", folder / f"{by}.crt", "-CAkey", folder / f"{by}.key", "-CAcreateserial")
    openssl(
        *("x509", "-req", "-in", request, "-days", str(days), *signer),
        *("-extfile", folder / "plain.cnf", "-extensions", extensions),
        *("-out", folder / f"{name}.crt"),
    )


@contextmanager
def serving(folder: Path, name: str) -> Iterator[tuple[int, Future[bytes]]]:
    """Give the port of a server with the certificate *name*, and what it is sent after that.

    It hangs up then.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> bytes:
            client, _ = listener.accept()
            with context.wrap_socket(client, server_side=True) as encrypted:
                encrypted.sendall(b"220 ready\r\n")
                return encrypted.recv(1000)

        with ThreadPoolExecutor() as pool:
            sent = pool.submit(serve)
            try:
                yield listener.getsockname()[1], sent
            finally:
                listener.shutdown(socket.SHUT_RDWR)  # where nobody connects
