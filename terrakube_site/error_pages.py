"""Error answers: a page for browsers, the API's format for programs."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from structlog.contextvars import get_contextvars

from terrakube_site.http.error_response import error_response
from terrakube_site.messages import translated

logger = logging.getLogger(__name__)


def answer(
    request: HttpRequest,
    status: HTTPStatus,
    title: str,
    sentence: str,
    advice: str = "",
    request_id: str = "",
    *,
    leads_home: bool = True,
) -> HttpResponse:
    # Only browsers name it; a client that accepts anything is a program.
    if "text/html" not in request.headers.get("Accept", ""):
        return error_response(sentence, status)
    # No request, so no context processors: they ask the database, which may be what failed.
    words = {
        "title": title,
        "site_title": settings.UNFOLD["SITE_TITLE"],
        "sentence": sentence,
        "advice": advice,
        "status": status.value,
        "request_id": request_id,
        "leads_home": leads_home,
    }
    return HttpResponse(render_to_string("terrakube/error.html", words), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django calls suspicious; for an unknown host, name the setting that lists the hosts."""
    if isinstance(exception, DisallowedHost):
        return answer(
            request,
            HTTPStatus.BAD_REQUEST,
            _("Unknown host name"),
            _("The address uses a host name that this site does not accept."),
            _("The operator lists the accepted names in TERRAKUBE_ALLOWED_HOSTS."),
            # Each page at this host is refused.
            leads_home=False,
        )
    return answer(
        request,
        HTTPStatus.BAD_REQUEST,
        _("The request was not understood"),
        _("The request does not have the form that this site expects."),
        _("Go back and try again; a form with very many fields or files may be too large."),
    )


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a user who lacks the right for a request."""
    return answer(
        request,
        HTTPStatus.FORBIDDEN,
        _("You may not do this"),
        translated(str(exception)) or _("None of your teams has the required right."),
        _("An administrator gives rights under Teams, or in a workspace's accesses."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address where nothing exists, or nothing that this user may see."""
    return answer(
        request,
        HTTPStatus.NOT_FOUND,
        _("Page not found"),
        _("Nothing exists at this address, or you may not see it. It may have been deleted."),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """Answer an error of the site, with the id of its log lines."""
    return answer(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        _("Something went wrong"),
        _("The site could not answer. Your changes may not be saved."),
        _("Try again. If the error persists, give an administrator the ID below to find the error in the site's log."),
        request_id=get_contextvars().get("request", ""),
    )


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form with a wrong token: an old page, a second sign-in, or a browser without cookies."""
    logger.warning("A form was refused: %s", reason)
    return answer(
        request,
        HTTPStatus.FORBIDDEN,
        _("The form was not accepted"),
        _("The page is older than your last sign-in, or your browser blocks this site's cookies. Nothing was changed."),
        _("Reload the page and submit the form again."),
    )
