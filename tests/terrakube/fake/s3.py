"""Its object storage: S3 with the bucket in the path."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from .http import send


def _digest(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Bucket:
    """One bucket, by AWS's signature of version 4."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._endpoint = environ["AwsEndpoint"]
        self._bucket = environ["AwsTerraformStateBucketName"]
        self._access = environ["AwsTerraformStateAccessKey"]
        self._secret = environ["AwsTerraformStateSecretKey"]
        self._region = environ.get("AwsTerraformStateRegion") or "us-east-1"

    def address(self, key: str) -> str:
        return f"{self._endpoint}/{self._bucket}/{quote(key)}"

    def _headers(self, method: str, key: str, body: bytes) -> dict[str, str]:
        now = dt.datetime.now(dt.UTC)
        day, moment, content = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}", hashlib.sha256(body).hexdigest()
        signed = {"host": urlsplit(self._endpoint).netloc, "x-amz-content-sha256": content, "x-amz-date": moment}
        names, scope = ";".join(signed), f"{day}/{self._region}/s3/aws4_request"
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = f"{method}\n/{self._bucket}/{quote(key)}\n\n{lines}\n{names}\n{content}"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signing = f"AWS4{self._secret}".encode()
        for part in (day, self._region, "s3", "aws4_request"):
            signing = _digest(signing, part)
        signature = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self._access}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return {**signed, "Authorization": authorization, "Content-Type": "application/octet-stream"}

    def put(self, key: str, content: bytes) -> None:
        """Raises OSError."""
        status, answer = send("PUT", self.address(key), self._headers("PUT", key, content), content)
        if status != 200:
            raise OSError(f"{key} was not stored: {status} {answer[:200]!r}")

    def get(self, key: str) -> bytes | None:
        """None when it is not there. Raises OSError."""
        status, answer = send("GET", self.address(key), self._headers("GET", key, b""), None)
        if status not in {200, 404}:
            raise OSError(f"{key} was not read: {status}")
        return answer if status == 200 else None
