"""Kubeconfigs that people store: one cluster and one login, all of it as text, and nothing that runs or reads files.

A kubeconfig may name programs to run and files to read. Those would run, and be read, where the keys of the site are,
so they are refused. No message quotes the text, since it holds a credential.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message

MOST_BYTES = 64 * 1024
_LOGINS = ("token", "client-certificate-data", "client-key-data")
_OF_CLUSTER = frozenset({"server", "certificate-authority-data", "tls-server-name", "extensions"})


class KubeconfigError(ValueError):
    """A kubeconfig is not as it must be; the message is a sentence for its author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What leads to a cluster: a proxy may tell several behind one address apart by TLS name or client certificate.

    ``client`` is the subject of the client certificate, "" without one; a renewed certificate has the same.
    """

    server: str = ""
    tls_name: str = ""
    client: str = ""

    def may_be(self, other: Endpoint) -> bool:
        """Return whether two may lead to one cluster. Without a certificate nothing tells them apart by it."""
        if (self.server, self.tls_name) != (other.server, other.tls_name):
            return False
        return not self.client or not other.client or self.client == other.client


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """A kubeconfig that passed the check; ``content`` is reduced to its one context."""

    server: str
    content: Mapping[str, Any]

    @property
    def endpoint(self) -> Endpoint:
        """Return what leads to its cluster."""
        cluster, user = self.content["clusters"][0]["cluster"], self.content["users"][0]["user"]
        # Without a name of its own the server is asked by that of its address.
        tls_name = cluster.get("tls-server-name") or urlsplit(self.server).hostname or ""
        certificate = user.get("client-certificate-data")
        return Endpoint(
            server=self.server.rstrip("/").lower(),
            tls_name=str(tls_name).lower(),
            client=_subject(str(certificate)) if certificate else "",
        )


def _subject(certificate: str) -> str:
    """Return the subject of a PEM in base64; the text itself of one that cannot be read."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(base64.b64decode(certificate)).subject.rfc4514_string()
    except (ValueError, x509.InvalidVersion):
        return certificate


def read_kubeconfig(text: str) -> Kubeconfig | None:
    """Return what a kubeconfig says; None for an empty text. Raises KubeconfigError."""
    if not text.strip():
        return None
    if len(text.encode()) > MOST_BYTES:
        raise KubeconfigError(message(_("A kubeconfig may have {most} bytes at most."), most=MOST_BYTES))
    document = _mapping(_parsed(text))
    contexts = _named(document, "contexts", "context")
    current = str(document.get("current-context") or "")
    if not current and len(contexts) == 1:
        current = next(iter(contexts))
    if current not in contexts:
        raise KubeconfigError(_("The kubeconfig needs one context, or current-context with the name of one."))
    context = contexts[current]
    cluster = _named(document, "clusters", "cluster").get(str(context.get("cluster")))
    user = _named(document, "users", "user").get(str(context.get("user")))
    if cluster is None or user is None:
        raise KubeconfigError(_("The context of the kubeconfig names a cluster or user that is not in it."))
    _check_cluster(cluster)
    _check_user(user)
    name = "cluster"
    return Kubeconfig(
        server=str(cluster["server"]),
        content={
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {key: cluster[key] for key in cluster if key != "extensions"}}],
            "users": [{"name": name, "user": {key: user[key] for key in _LOGINS if user.get(key)}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
    )


def _parsed(text: str) -> Any:
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            # A few of them make gigabytes out of a short text.
            raise KubeconfigError(_("The kubeconfig must not use YAML aliases."))
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = mark.line + 1 if mark is not None else 1
        raise KubeconfigError(message(_("The kubeconfig is not valid YAML: see line {line}."), line=where)) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, KubeconfigError):
            raise
        raise KubeconfigError(message(_("The kubeconfig is not valid YAML: see line {line}."), line=1)) from error


def _mapping(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise KubeconfigError(_("The kubeconfig must be a YAML mapping with clusters, users and contexts."))
    return found


def _named(document: Mapping[str, Any], plural: str, singular: str) -> dict[str, Mapping[str, Any]]:
    rows = document.get(plural)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise KubeconfigError(message(_("The kubeconfig has no list {name}."), name=plural))
    return {str(row.get("name")): row[singular] for row in rows if isinstance(row.get(singular), dict)}


def _check_cluster(cluster: Mapping[str, Any]) -> None:
    server = cluster.get("server")
    try:
        parts = urlsplit(str(server or ""))
        fits = parts.scheme == "https" and bool(parts.hostname) and not parts.username and not parts.query
        _port = parts.port
    except ValueError:
        fits = False
    if not isinstance(server, str) or not fits:
        raise KubeconfigError(_("The server of the kubeconfig must be an https address such as https://10.0.0.1:6443."))
    refused = sorted(str(key) for key in cluster if key not in _OF_CLUSTER)
    if refused:
        allowed = ", ".join(sorted(_OF_CLUSTER - {"extensions"}))
        raise KubeconfigError(
            message(
                _("The cluster in the kubeconfig may have {allowed} only, not {name}."),
                allowed=allowed,
                name=refused[0],
            )
        )
    _check_base64(cluster, "certificate-authority-data")


def _check_user(user: Mapping[str, Any]) -> None:
    refused = sorted(str(key) for key in user if key not in _LOGINS and user[key])
    if refused:
        raise KubeconfigError(
            message(
                _(
                    "The user in the kubeconfig may have {allowed} only, not {name}: this site cannot use the programs "
                    "and files of another machine."
                ),
                allowed=", ".join(_LOGINS),
                name=refused[0],
            )
        )
    pair = bool(user.get("client-certificate-data")), bool(user.get("client-key-data"))
    if not user.get("token") and not all(pair):
        raise KubeconfigError(
            _("The user in the kubeconfig needs a token, or client-certificate-data with client-key-data.")
        )
    if user.get("token") and not isinstance(user["token"], str):
        raise KubeconfigError(_("The token in the kubeconfig must be a text."))
    for key in ("client-certificate-data", "client-key-data"):
        _check_base64(user, key)


def _check_base64(row: Mapping[str, Any], key: str) -> None:
    if not row.get(key):
        return
    try:
        fits = b"-----BEGIN " in base64.b64decode(str(row[key]), validate=True)
    except ValueError:
        fits = False
    if not fits:
        raise KubeconfigError(message(_("{name} in the kubeconfig must be a PEM in base64."), name=key))
