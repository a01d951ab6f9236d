"""``/callback/v1/vcs/ID``: where a provider sends people back with the code of OAuth.

Terraform's provider and Terrakube's panel send people to the provider without a state, so that a code may come without
one: it is taken while the connection has no token and a person changed it within the hour, and never replaces the token
of a connection that works. With a state, which the panel of this site gives, it is taken from the same browser, once.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from urllib.parse import urlsplit
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from terrakube_site.messages import translated
from terrakube_site.outgoing import OutgoingError
from vcs.connections.grants import note_problem, redirect_uri_of, store_grant
from vcs.connections.leases import release_lease, take_lease
from vcs.connections.problems import ConnectionProblem, renewal_problem
from vcs.providers import provider_of
from vcs.providers.base import ApiError, SetupError
from workspaces.choices import VcsStatus
from workspaces.models import Vcs

logger = logging.getLogger(__name__)
WITHOUT_STATE = dt.timedelta(hours=1)
"""How long after a person's change a code is taken that has no state."""
_STATE_SECONDS = 600
_LONGEST_CODE = 2048
_KEY = "vcs_states"
"""The states of a browser's session that were not used yet."""
_SIGNER = signing.TimestampSigner(salt="vcs.connections.callback")


def page_to_connect(request: HttpRequest, vcs: Vcs) -> str:
    """Return the provider's page at which a person lets the site in, and expect them back in this browser.

    Raises SetupError.
    """
    provider = provider_of(vcs)
    if provider is None:
        raise SetupError(gettext_noop("The connection has no client ID."))
    nonce = secrets.token_urlsafe(24)
    address = provider.tokens.authorize_url(vcs, redirect_uri_of(vcs), _SIGNER.sign(f"{vcs.pk}:{nonce}"))
    request.session[_KEY] = [*request.session.get(_KEY, [])[-4:], nonce]
    return address


def _is_expected(request: HttpRequest, vcs: Vcs, state: str) -> bool:
    """Return whether this browser was sent to the provider for this connection, and has not come back yet."""
    try:
        key, _colon, nonce = _SIGNER.unsign(state, max_age=_STATE_SECONDS).partition(":")
    except signing.BadSignature:
        return False
    waiting = request.session.get(_KEY, [])
    if key != str(vcs.pk) or nonce not in waiting:
        return False
    request.session[_KEY] = [one for one in waiting if one != nonce]
    return True


def _may_connect_without_state(vcs: Vcs) -> bool:
    return vcs.status != VcsStatus.COMPLETED and vcs.updated_date > timezone.now() - WITHOUT_STATE


def _connection(text: str) -> Vcs | None:
    """Return the connection of an address: by the id that older clients chose for it, else by its own."""
    found: Vcs | None = Vcs.objects.filter(callback=text).first()
    if found is None:
        try:
            found = Vcs.objects.filter(pk=UUID(text)).first()
        except ValueError:
            return None
    return found


def _said(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)


@never_cache
@require_GET
def callback(request: HttpRequest, vcs_id: str) -> HttpResponse:
    """Exchange the code, and say in a sentence how it went; a failed exchange is answered 200, as in Terrakube."""
    vcs, code = _connection(vcs_id), request.GET.get("code", "")
    provider = None if vcs is None else provider_of(vcs)
    if vcs is None or provider is None:
        return _said(_("Connection not found."), 404)
    if request.GET.get("error"):
        # Whoever asks could write any words here, so none of them are shown.
        return _said(_("The provider refused access. Connect again from the connection's page."))
    if not code or len(code) > _LONGEST_CODE:
        return _said(_("The provider sent no code. Connect from the connection's page."))
    state = request.GET.get("state", "")
    if not (_is_expected(request, vcs, state) if state else _may_connect_without_state(vcs)):
        return _said(
            _(
                "Unexpected answer from the provider: it is too old, or the connection already has a token. Connect "
                "from the connection's page."
            ),
            409,
        )
    lease = take_lease(vcs)
    if lease is None:
        return _said(_("The connection is being renewed. Connect again in a minute."), 409)
    try:
        return _exchange(vcs, code)
    finally:
        release_lease(vcs, lease)


def _exchange(vcs: Vcs, code: str) -> HttpResponse:
    provider = provider_of(vcs)
    if provider is None:
        raise ValueError("A public connection has no provider")
    try:
        grant = provider.tokens.exchange(vcs, code, redirect_uri_of(vcs))
    except (ApiError, OutgoingError, SetupError) as error:
        problem = renewal_problem(error, vcs)
        # A code that was made up must not hold up the renewal of a token that is there.
        note_problem(vcs, ConnectionProblem(problem.sentence, lost=not vcs.access_token))
        return _said(translated(problem.sentence))
    if not store_grant(vcs, grant):
        return _said(_("The connection was changed meanwhile. Connect again from its page."), 409)
    logger.info("Connection %s was connected", vcs.pk)
    # An address for this browser, which an organization's manager set; never a script's.
    if vcs.redirect_url and urlsplit(vcs.redirect_url).scheme in {"http", "https"}:
        return HttpResponseRedirect(vcs.redirect_url)
    return _said("Connected")
