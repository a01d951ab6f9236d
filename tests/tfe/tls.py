"""A live site over https on the loopback, as terraform and tofu insist on: its CA, its processes, its database.

The tests' own records are the site's: ``factories`` and models in the test process read and write the same database. On
SQLite that is a file in the site's folder, which starts as a copy of what the test process has in memory.

    def test_something(tls_site: TlsSite, tmp_path: Path) -> None:
        home = tls_site.home(tmp_path, token=...)
        done = tls_site.run(["terraform", "init"], home=home, folder=tmp_path)
"""

from __future__ import annotations

import json
import os
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.spine.site import Site
from tests.support.patience import patient

HOST = "localhost"
_COMMAND_SECONDS = 60
# Variables with which the machine's own user steers terraform and tofu; a test's command sees none of them.
_STEERS = ("TF_", "TOFU_", "TERRAFORM_")


class Authority:
    """A certificate authority of one test run; ``bundle`` is the file that clients must trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test CA")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.bundle = folder / "ca.pem"
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        authority = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            # OpenSSL's strict checks, on by default from Python 3.13, ask for both.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False)
        )

    def issue(self, host: str) -> tuple[Path, Path]:
        """Issue a certificate for a host name; return its file and that of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        certificate = (
            self._builder(subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = self._folder / f"{host}.pem", self._folder / f"{host}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return files


class TlsSite(Site):
    """A site at https://localhost:PORT; steps run as processes of this machine where a worker runs."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        authority = Authority(folder)
        self.bundle = authority.bundle
        # The executor's program calls the same address, so it must trust the CA too.
        more = {"SSL_CERT_FILE": str(self.bundle), "KUBECONFIG": "", **environ}
        super().__init__(folder, HOST, more, namespace="none", tls=authority.issue(HOST))

    @property
    def hostname(self) -> str:
        """The host as configurations and ``login`` name it."""
        return f"{HOST}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Return what a client of the test's own needs to trust the site."""
        return ssl.create_default_context(cafile=str(self.bundle))

    def home(self, folder: Path, *, token: str = "") -> Path:
        """Return a home folder for terraform and tofu, signed in with a token if one is given."""
        home = folder / "home"
        settings = home / ".terraform.d"
        settings.mkdir(parents=True, exist_ok=True)
        if token:
            kept = {"credentials": {self.hostname: {"token": token}}}
            (settings / "credentials.tfrc.json").write_text(json.dumps(kept), encoding="utf-8")
        return home

    def client_environ(self, home: Path) -> dict[str, str]:
        """Return the environment of a user's terminal with this home folder, which trusts the site's CA."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERS)}
        return {**kept, "HOME": str(home), "SSL_CERT_FILE": str(self.bundle), "CHECKPOINT_DISABLE": "1"}

    def run(
        self, command: Sequence[str], *, home: Path, folder: Path, text: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command at a user's terminal until it ends; ``text`` is what the user types. It may fail."""
        return subprocess.run(
            command,
            cwd=folder,
            env=self.client_environ(home) | environ,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=patient(_COMMAND_SECONDS),
        )


@contextmanager
def tls_site(folder: Path, *, worker: bool = False, **environ: str) -> Iterator[TlsSite]:
    """Run a site over https until the context ends, ``worker`` with worker and watcher; keywords are its environment.

    What the test writes must be committed: the fixture ``db`` of tests/tfe/live, or ``transactional_db``.
    """
    with _shared_database(folder / "terrakube.sqlite3"), TlsSite(folder, environ).at_hand() as site:
        if worker:
            site.start()
        else:
            site.start_web()
        yield site


@contextmanager
def _shared_database(path: Path) -> Iterator[None]:
    """Let this process and others use one database: on SQLite a file, with the records that are there now."""
    if connection.vendor != "sqlite":
        yield
        return
    memory = connections["default"]
    memory.ensure_connection()
    with sqlite3.connect(path) as copy:
        memory.connection.backup(copy)
    copy.close()
    settings = memory.settings_dict
    name = settings["NAME"]
    # Threads of this process, and whatever else makes a connection, are given the file too.
    settings["NAME"] = str(path)
    connections["default"] = _new_connection()
    try:
        yield
    finally:
        connections["default"].close()
        settings["NAME"] = name
        connections["default"] = memory


def _new_connection() -> BaseDatabaseWrapper:
    made = connections.create_connection("default")
    # Tests hold a connection over threads as pytest-django's live server does.
    made.inc_thread_sharing()
    return made
