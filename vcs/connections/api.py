"""A provider's API with a connection's token: another token where one is refused, and a problem where there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from terrakube_site.messages import message
from vcs.connections.grants import note_problem, note_success
from vcs.connections.problems import REFUSED, ConnectionProblem, limit_problem
from vcs.providers import PROVIDERS
from vcs.providers.base import Api, ApiAnswer, ApiError, api_url_of, host_of
from workspaces.choices import VcsStatus
from workspaces.models import Vcs


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionApi(Api):
    """The API with ``token``. When the provider refuses it, the request is sent once more with ``another()``.

    Methods raise ConnectionProblem too: there is no other token, or it is refused as well, which the connection's page
    shows; or the provider takes no more requests for now.
    """

    vcs: Vcs
    token: str = field(repr=False)
    another: Callable[[], str] = field(repr=False)

    def request(self, method: str, path: str, **what: Any) -> ApiAnswer:
        try:
            answer = self._request_in_limit(method, path, **what)
        except ApiError as error:
            if error.status != 401:
                raise
            return self._request_again(error, method, path, **what)
        if self.vcs.access_token and self.vcs.status == VcsStatus.ERROR and not _can_renew(self.vcs):
            # Nothing else would find out that a token works again which nobody renews.
            note_success(self.vcs)
        return answer

    def _request_again(self, error: ApiError, method: str, path: str, **what: Any) -> ApiAnswer:
        token = self.another()
        if token != self.token:
            try:
                return api_with(self.vcs, token, self.another)._request_in_limit(method, path, **what)
            except ApiError as second:
                if second.status != 401:
                    raise
                error = second
        words = {"host": host_of(self.vcs), "detail": error.detail or "–"}
        problem = ConnectionProblem(message(REFUSED, **words), lost=True)
        note_problem(self.vcs, problem)
        raise problem from error

    def _request_in_limit(self, method: str, path: str, **what: Any) -> ApiAnswer:
        """Send one request; none while the provider takes no more, since each would prolong that."""
        until, now = self.vcs.limited_until, timezone.now()
        if until is not None and until > now:
            raise limit_problem(self.vcs, until)
        try:
            return Api.request(self, method, path, **what)
        except ApiError as error:
            if error.retry_after:
                until = timezone.now() + dt.timedelta(seconds=error.retry_after)
                Vcs.objects.filter(pk=self.vcs.pk).update(limited_until=until)
                self.vcs.limited_until = until
            raise


def api_with(vcs: Vcs, token: str, another: Callable[[], str]) -> ConnectionApi:
    """Return the API of a connection that is not public; ``another`` returns a token after ``token`` was refused."""
    headers = PROVIDERS[vcs.vcs_type].tokens.api_headers(vcs, token)
    return ConnectionApi(url=api_url_of(vcs), headers=headers, secrets=(token,), vcs=vcs, token=token, another=another)


def _can_renew(vcs: Vcs) -> bool:
    return PROVIDERS[vcs.vcs_type].tokens.can_renew(vcs)
