"""A registry of one provider on the loopback: over TLS, and signed, as terraform asks of a registry."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.loopback import LoopbackServer, QuietHandler

VERSION = "0.13.1"
# A key made for this test; the signature is of `_sums`, whose archive is always the same.
_KEY = """-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEZZIAgBYJKwYBBAHaRw8BAQdAwecfGUgGcDyURAf4Y/td+abDLrkbg4dScj1M
SmKaaoK0FHRlc3QgPHRAZXhhbXBsZS5jb20+iJAEExYIADgWIQRSM+9Lk0hBfUz9
emEWMSFJhZxQ0wUCZZIAgAIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRAW
MSFJhZxQ0wmbAP4ycztoUA6kokPh2sxOAotwIisWTx6JYksjnyA4A9p2mQD+LL8J
rLo+Vboh9byzmLfRJrWIaOtb25PPr7QqpbfJEwo=
=tODZ
-----END PGP PUBLIC KEY BLOCK-----
"""
_SIGNATURE = (
    "iHUEABYIAB0WIQRSM+9Lk0hBfUz9emEWMSFJhZxQ0wUCZZNSAAAKCRAWMSFJhZxQ09sNAQCoNuF8iNtnMJdSX2hO+f5oL1HIvk2SUC7KrpN+"
    "o2v/hgD+MXBJ9pvgN0C0uM0/bu3An85VFwve9KbewYaT5T0x0Qs="
)
_ARCHITECTURES = ("amd64", "arm64")


class ProviderRegistry(LoopbackServer):
    """Serves version 0.13.1 of acme/thing; `certificate` is what its clients must trust."""

    def __init__(self, directory: Path) -> None:
        archive = _archive()
        sums = _sums(archive)
        path = "/v1/providers/acme/thing"
        files: dict[str, bytes] = {"/thing.zip": archive, "/SHA256SUMS": sums, "/sig": base64.b64decode(_SIGNATURE)}
        files["/.well-known/terraform.json"] = b'{"providers.v1": "/v1/providers/"}'
        platforms = [{"os": "linux", "arch": name} for name in _ARCHITECTURES]
        versions = [{"version": VERSION, "protocols": ["5.0"], "platforms": platforms}]
        files[f"{path}/versions"] = json.dumps({"versions": versions}).encode()
        for name in _ARCHITECTURES:
            package = {
                "protocols": ["5.0"],
                "os": "linux",
                "arch": name,
                "filename": _file_name(name),
                "download_url": "/thing.zip",
                "shasums_url": "/SHA256SUMS",
                "shasums_signature_url": "/sig",
                "shasum": hashlib.sha256(archive).hexdigest(),
                "signing_keys": {"gpg_public_keys": [{"key_id": "16312149859C50D3", "ascii_armor": _KEY}]},
            }
            files[f"{path}/{VERSION}/download/linux/{name}"] = json.dumps(package).encode()

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                content = files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

        super().__init__(Handler)
        self.certificate, key = _certificate(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.provider = f"localhost:{self.port}/acme/thing"


def _file_name(architecture: str) -> str:
    return f"terraform-provider-thing_{VERSION}_linux_{architecture}.zip"


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(f"terraform-provider-thing_v{VERSION}")
        info.external_attr, info.create_system = 0o755 << 16, 3
        archive.writestr(info, "#!/bin/sh\n")
    return out.getvalue()


def _sums(archive: bytes) -> bytes:
    digest = hashlib.sha256(archive).hexdigest()
    return "".join(f"{digest}  {_file_name(name)}\n" for name in _ARCHITECTURES).encode()


def _certificate(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "registry.pem", directory / "registry.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files
