"""Ask the user in the browser, and exchange the code that the terminal brings."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from csp.constants import NONE
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from terrakube_site.http.failure_limit import WINDOW_SECONDS, FailureLimit
from workspaces.actors import name_of
from workspaces.forms.terminal_login import TerminalLoginForm
from workspaces.services.login_codes import InvalidGrant, issue_code, redeem_code
from workspaces.sign_in.terminal_login.authorization import Authorization, WrongParameter, read_authorization
from workspaces.sign_in.terminal_login.client import CLIENT_ID, GRANT_TYPE

logger = logging.getLogger(__name__)
_DENIED = "access_denied"
_CANCELLED = "cancelled"
"""Stands for the code of a login that the user cancelled; it is exchanged for a sentence that says so."""


@never_cache
@xframe_options_deny
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask whether a terminal may act for the user, and return the answer to the terminal."""
    user: Any = request.user
    if not admin.site.has_permission(request):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    try:
        # The form is sent to the address of its page, so both have the parameters that were checked.
        asked = read_authorization(request.GET)
    except WrongParameter as error:
        return _page(request, "terrakube/terminal_login_refused.html", status=HTTPStatus.BAD_REQUEST, why=str(error))
    if request.method == "POST" and "cancel" in request.POST:
        # terraform and tofu ignore the error and wait for a code, so one comes along: its exchange ends the command.
        return HttpResponseRedirect(asked.address_with(error=_DENIED, code=_CANCELLED))
    form = TerminalLoginForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        code = issue_code(
            by=user,
            redirect_uri=asked.redirect_uri,
            code_challenge=asked.code_challenge,
            description=form.cleaned_data["description"],
            days=form.cleaned_data["days"],
        )
        return HttpResponseRedirect(asked.address_with(code=code))
    return _allowing_terminal(_page(request, "terrakube/terminal_login.html", form=form, name=name_of(user)), asked)


def _page(request: HttpRequest, template: str, *, status: int = HTTPStatus.OK, **context: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": _("Log in from a terminal"), **context}
    return render(request, template, context, status=status)


def _allowing_terminal(response: HttpResponse, asked: Authorization) -> HttpResponse:
    """Let the page's form be redirected to the terminal, and let no other page hold it in a frame."""
    # django-csp reads both from the response. Browsers hold the redirect after a form to form-action too.
    response._csp_update = {"form-action": [asked.origin]}  # type: ignore[attr-defined]
    response._csp_replace = {"frame-ancestors": [NONE]}  # type: ignore[attr-defined]
    return response


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code for an access token, as RFC 6749 (4.1.3) and RFC 7636 (4.5) have it; the client has no secret."""
    limit = FailureLimit(request, "login-code")
    if limit.is_reached:
        refused = _error("slow_down", "Too many wrong codes came from this address.", HTTPStatus.TOO_MANY_REQUESTS)
        refused["Retry-After"] = str(WINDOW_SECONDS)
        return refused
    fields = {}
    for name in ("grant_type", "client_id", "code", "redirect_uri", "code_verifier"):
        values = request.POST.getlist(name)
        if len(values) != 1 or not values[0]:
            return _error("invalid_request", f"The form must have {name} once.")
        fields[name] = values[0]
    if fields["grant_type"] != GRANT_TYPE:
        return _error("unsupported_grant_type", f"grant_type must be {GRANT_TYPE}.")
    if fields["client_id"] != CLIENT_ID:
        return _error("invalid_client", f"client_id must be {CLIENT_ID}.", HTTPStatus.UNAUTHORIZED)
    if fields["code"] == _CANCELLED:
        return _error(_DENIED, "The login was cancelled in the browser.")
    try:
        text = redeem_code(fields["code"], redirect_uri=fields["redirect_uri"], code_verifier=fields["code_verifier"])
    except InvalidGrant as error:
        limit.count()
        logger.warning("A terminal's login was refused: %s", error)
        return _error("invalid_grant", str(error))
    return _no_store(JsonResponse({"access_token": text, "token_type": "bearer"}))


def _error(code: str, description: str, status: int = HTTPStatus.BAD_REQUEST) -> HttpResponse:
    return _no_store(JsonResponse({"error": code, "error_description": description}, status=status))


def _no_store(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    return response
