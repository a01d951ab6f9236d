"""How a connection is set up, step by step, with the addresses to paste at the provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, message
from vcs.connections.grants import redirect_uri_of
from vcs.providers.base import endpoint_of
from workspaces.choices import ConnectionType, VcsType
from workspaces.models import Vcs


@dataclass(frozen=True, slots=True)
class SetUpStep:
    """What to do, and the address to open or to paste, empty where there is none; ``opens``: it is a page."""

    text: Message
    address: str = ""
    opens: bool = False


def set_up_steps(vcs: Vcs) -> list[SetUpStep]:
    """Return the steps for a connection's type; none for a public one."""
    match vcs.vcs_type, vcs.connection_type:
        case (VcsType.GITHUB, ConnectionType.STANDALONE):
            return list(_github_app(vcs))
        case (VcsType.GITHUB, _other):
            return list(_github_oauth(vcs))
        case (VcsType.GITLAB, _other):
            return list(_gitlab(vcs))
        case (VcsType.BITBUCKET, _other):
            return list(_bitbucket(vcs))
        case (VcsType.GITEA, _other):
            return list(_gitea(vcs))
        case (VcsType.AZURE_DEVOPS, _other):
            return list(_azure(vcs))
        case (VcsType.AZURE_SP_MI, _other):
            return list(_service_principal())
    return []


_CONNECT = _("Save client ID and client secret here, then click Connect.")


def _page(vcs: Vcs, path: str) -> str:
    """Return a page of the provider, empty for an endpoint that is no address of pages."""
    endpoint = endpoint_of(vcs)
    return endpoint + path if urlsplit(endpoint).scheme in {"http", "https"} else ""


def _opening(text: str, address: str) -> SetUpStep:
    return SetUpStep(message(text), address, opens=bool(address))


def _github_app(vcs: Vcs) -> Iterator[SetUpStep]:
    yield _opening(
        _("Create a GitHub App, here or in the settings of an organization."), _page(vcs, "/settings/apps/new")
    )
    yield SetUpStep(message(_("As its callback URL enter:")), redirect_uri_of(vcs))
    yield SetUpStep(
        message(
            _(
                "Give it the repository permissions Contents: read and Metadata: read; for webhooks, statuses and"
                " comments also Webhooks, Commit statuses and Pull requests: read and write."
            )
        )
    )
    yield SetUpStep(message(_("Save its client ID, or App ID, and the whole text of a private key here.")))
    yield SetUpStep(message(_("Install the App on the accounts whose repositories the workspaces read.")))


def _github_oauth(vcs: Vcs) -> Iterator[SetUpStep]:
    yield _opening(_("Register an OAuth app."), _page(vcs, "/settings/applications/new"))
    yield SetUpStep(message(_("As its callback URL enter:")), redirect_uri_of(vcs))
    yield SetUpStep(message(_CONNECT))
    yield SetUpStep(
        message(_("Or enter a personal token as access token: with the scope repo, or with Contents: read."))
    )


def _gitlab(vcs: Vcs) -> Iterator[SetUpStep]:
    yield _opening(_("Add an application with the scope api."), _page(vcs, "/-/user_settings/applications"))
    yield SetUpStep(message(_("As its redirect URI enter:")), redirect_uri_of(vcs))
    yield SetUpStep(message(_CONNECT))
    yield SetUpStep(
        message(_("Or enter a personal, group or project token with the scope api and the role Maintainer."))
    )


def _bitbucket(vcs: Vcs) -> Iterator[SetUpStep]:
    yield SetUpStep(
        message(
            _(
                "Add an OAuth consumer in the settings of the workspace, with the permissions Repositories: read, Pull"
                " requests: write and Webhooks: read and write."
            )
        )
    )
    yield SetUpStep(message(_("As its callback URL enter:")), redirect_uri_of(vcs))
    yield SetUpStep(message(_CONNECT))
    yield SetUpStep(
        message(
            _(
                "Or enter an access token of a repository, project or workspace. At a Data Center it is an HTTP"
                " access token, and the API URL ends with /rest/api/1.0."
            )
        )
    )


def _gitea(vcs: Vcs) -> Iterator[SetUpStep]:
    yield _opening(_("Create an OAuth2 application in a user's settings."), _page(vcs, "/user/settings/applications"))
    yield SetUpStep(message(_("As its redirect URI enter:")), redirect_uri_of(vcs))
    yield SetUpStep(message(_CONNECT))
    yield SetUpStep(
        message(
            _(
                "Or enter a token as access token, with the permissions repository: read and write, issue: read and"
                " write, and user: read."
            )
        )
    )


def _azure(vcs: Vcs) -> Iterator[SetUpStep]:
    yield SetUpStep(
        message(_("Enter a personal token with the scopes Code: read and status, and Pull request threads."))
    )
    yield SetUpStep(
        message(_("An OAuth app registered earlier works too; Microsoft accepts no new ones. Its callback URL is:")),
        redirect_uri_of(vcs),
    )
    yield SetUpStep(message(_("Save the API URL with the organization, as in https://dev.azure.com/acme.")))


def _service_principal() -> Iterator[SetUpStep]:
    yield SetUpStep(message(_("Register an application in Microsoft Entra, and give it a client secret.")))
    yield SetUpStep(message(_("Add it as a user of the Azure DevOps organization, with access to the projects.")))
    yield SetUpStep(
        message(
            _(
                "Save its client ID and client secret here, with the endpoint https://login.microsoftonline.com/TENANT"
                " and the API URL https://dev.azure.com/ORGANIZATION."
            )
        )
    )
