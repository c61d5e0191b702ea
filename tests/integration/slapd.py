"""Starts an OpenLDAP server of its own for tests: any tree, on loopback, with TLS."""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

SUFFIX = "dc=stoney-cloud,dc=org"
ADMIN = f"cn=admin,{SUFFIX}"
READER = f"cn=reader,{SUFFIX}"
# a reader for whom no search may look at more than 2 entries
HURRIED = f"cn=hurried,{SUFFIX}"
PASSWORD = "secret of the tests"
ACCOUNTS = f"ou=accounts,ou=backup,ou=services,{SUFFIX}"

TREE = f"""\
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: stoney-cloud
o: Example

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {PASSWORD}

dn: {HURRIED}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: hurried
userPassword: {PASSWORD}

dn: ou=services,{SUFFIX}
objectClass: organizationalUnit
ou: services

dn: ou=backup,ou=services,{SUFFIX}
objectClass: organizationalUnit
ou: backup

dn: {ACCOUNTS}
objectClass: organizationalUnit
ou: accounts

"""

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include {schema}
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {folder}/ca.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
TLSVerifyClient {verify_client}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/db
maxsize 2147483648
dbnosync
sizelimit size.soft=500 size.hard=500 size.prtotal=500
{rules}access to dn.subtree="ou=hidden,{suffix}" by * none
access to dn.children="ou=closed,{suffix}" by * none
access to * by * read
limits dn.exact="{reader}" size=unlimited time=unlimited size.prtotal=unlimited
limits dn.exact="{hurried}" size=unlimited size.unchecked=2 size.prtotal=unlimited
limits dn.subtree="cn=peercred,cn=external,cn=auth" size=unlimited size.prtotal=unlimited
index objectClass,uid,sstIsActive,host eq
index entryCSN,entryUUID eq
"""
# RFC 5280 asks for the key identifiers, and Python 3.13 does not take a certificate without them.
KEY_IDENTIFIERS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
_EXTENSIONS = f"""\
subjectAltName=DNS:localhost
extendedKeyUsage=serverAuth
basicConstraints=CA:FALSE
{KEY_IDENTIFIERS}"""


def needed() -> None:
    """Skip the test where OpenLDAP's server is not installed; fail there in CI."""
    if all(map(shutil.which, ("slapd", "slapadd", "slapcat", "openssl"))):
        return
    reason = "slapd, slapadd, slapcat or openssl is not installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _run(*command: object, **options: object) -> str:
    done = subprocess.run(  # type: ignore[call-overload]
        list(map(str, command)), check=False, capture_output=True, text=True, **options
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return str(done.stdout)


def make_authority(folder: Path, name: str = "ca") -> Path:
    """Make the key and the certificate of an authority in *folder*; return the certificate."""
    certificate = folder / f"{name}.crt"
    _run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", f"/CN=Authority {name}"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", folder / f"{name}.key", "-out", certificate),
    )
    return certificate


def _make_server_certificate(folder: Path) -> None:
    (folder / "extensions").write_text(_EXTENSIONS)
    _run(
        *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=localhost", "-keyout", folder / "server.key"),
        *("-out", folder / "server.csr"),
    )
    _run(
        *("openssl", "x509", "-req", "-in", folder / "server.csr", "-days", "2"),
        *("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial"),
        *("-extfile", folder / "extensions", "-out", folder / "server.crt"),
    )


_reserved: list[socket.socket] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens until a server of this process does.

    It stays bound here, so that the system gives it to nobody else, while a server is down too.
    A server that sets SO_REUSEADDR, as all do, can listen on it nevertheless.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    _reserved.append(reserved)
    port: int = reserved.getsockname()[1]
    return port


@dataclass
class Slapd:
    """A running server; made by `start`, ended by `stop`.

    Args:
        folder: where all of it is.
        port: of ldap://. tls_port: of ldaps://.
    """

    folder: Path
    port: int
    tls_port: int
    process: subprocess.Popen[bytes]
    suffix: str = SUFFIX
    reader: str = READER
    password: str = PASSWORD

    @property
    def uri(self) -> str:
        """Plain, or for StartTLS; its certificate is for this name."""
        return f"ldap://localhost:{self.port}"

    @property
    def tls_uri(self) -> str:
        """TLS from the beginning."""
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def local_uri(self) -> str:
        """The local socket: whoever connects is known by the user's number."""
        return f"ldapi://{quote(str(self.folder / 'ldapi'), safe='')}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the server's."""
        return self.folder / "ca.crt"

    def dump(self) -> str:
        """Return all entries, as slapcat writes them."""
        return _run("slapcat", "-f", self.folder / "slapd.conf")

    def freeze(self) -> None:
        """Let the server hang: connections are still taken, nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)  # on a busy machine: later

    def thaw(self) -> None:
        """Undo `freeze`."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server at once, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End the server."""
        if self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()


def start(
    folder: Path, ldif: str | Path = TREE, rules: str = "", verify_client: str = "never"
) -> Slapd:
    """Start a server in the empty *folder*.

    Args:
        folder: its path must be short (below 90 characters), for the local socket is in it.
        ldif: the entries, as text or as a file; `TREE` is the beginning for the usual tree.
        rules: access rules to come first, as lines of the configuration.
        verify_client: "demand": clients need a certificate.
    """
    (folder / "db").mkdir(parents=True)
    make_authority(folder)
    _make_server_certificate(folder)
    schema = Path(__file__).with_name("backup.schema")
    names = {"suffix": SUFFIX, "admin": ADMIN, "reader": READER, "hurried": HURRIED}
    names |= {"password": PASSWORD, "rules": rules, "verify_client": verify_client}
    configuration = folder / "slapd.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, schema=schema, **names))
    source = ldif if isinstance(ldif, Path) else folder / "entries.ldif"
    if isinstance(ldif, str):
        source.write_text(ldif)
    _run("slapadd", "-q", "-f", configuration, "-l", source)
    return _started(folder)


def _started(folder: Path) -> Slapd:
    port, tls_port = free_port(), free_port()
    local = quote(str(folder / "ldapi"), safe="")
    uris = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/ ldapi://{local}/"
    with (folder / "slapd.log").open("wb") as log:
        process = subprocess.Popen(
            ["slapd", "-f", str(folder / "slapd.conf"), "-h", uris, "-d", "0"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    server = Slapd(folder, port, tls_port, process)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as probe:  # the last one of its listeners
            if probe.connect_ex(str(folder / "ldapi")) == 0:
                return server
        assert process.poll() is None, (folder / "slapd.log").read_text()
        time.sleep(0.01)
    server.stop()
    raise AssertionError("slapd does not listen")
