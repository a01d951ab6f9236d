"""What answers a request that could not be served: a page for people, the API's shape for programs."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from structlog.contextvars import get_contextvars

from terrakube_site.api_errors import error_response
from terrakube_site.sentences import translated

logger = logging.getLogger(__name__)


def _answer(
    request: HttpRequest, status: HTTPStatus, title: str, sentence: str, advice: str = "", request_id: str = ""
) -> HttpResponse:
    # Only a browser names it; what takes anything is a program.
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
    }
    return HttpResponse(render_to_string("terrakube/error.html", words), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django calls suspicious; a host that is not ours says which setting names the hosts."""
    if isinstance(exception, DisallowedHost):
        return _answer(
            request,
            HTTPStatus.BAD_REQUEST,
            _("The site does not answer under this name"),
            _("The host in the address is none of this site's."),
            _("Its operator lists the site's names in TERRAKUBE_ALLOWED_HOSTS."),
        )
    return _answer(
        request,
        HTTPStatus.BAD_REQUEST,
        _("The request was not understood"),
        _("Something in the request is not as this site expects it."),
        _("Go back and try again; a form with very many fields or files may be too large."),
    )


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer who may not do what was asked."""
    return _answer(
        request,
        HTTPStatus.FORBIDDEN,
        _("You may not do this"),
        translated(str(exception)) or _("None of your teams has the right that this takes."),
        _("An administrator gives rights under Teams, or in a workspace's accesses."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for an address at which there is nothing, or nothing that this user may see."""
    return _answer(
        request,
        HTTPStatus.NOT_FOUND,
        _("There is no such page"),
        _("Nothing is at this address, or it is not for you to see. What was here may have been deleted."),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """Answer for a mistake of ours, with the id under which the log has it."""
    return _answer(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        _("Something went wrong"),
        _("The site failed to answer. What you were doing may not be saved."),
        _("Try again. If it stays so, give an administrator the id below: the site's log tells what failed under it."),
        request_id=get_contextvars().get("request", ""),
    )


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token does not fit: an old page, a second sign-in, or a browser without cookies."""
    logger.warning("A form was refused: %s", reason)
    return _answer(
        request,
        HTTPStatus.FORBIDDEN,
        _("The form was not taken"),
        _("Its page is older than your last sign-in, or your browser keeps no cookies for this site. Nothing changed."),
        _("Open the page again and send the form from there."),
    )
