"""Answer 503 with a retry time when the database cannot serve a request now, instead of an error of the site."""

from __future__ import annotations

import logging
import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from terrakube_site import error_pages
from terrakube_site.database.errors import is_locked, is_passing

logger = logging.getLogger(__name__)
RETRY_SECONDS = 3


def answer(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Answer that the database cannot serve the request now."""
    logger.warning("%s %s: %s", request.method, request.path, str(error).strip().partition("\n")[0])
    if is_locked(error):
        title = _("The record is being changed")
        sentence = _("Another request is changing the same record. This request changed nothing.")
    else:
        title = _("The database does not answer")
        sentence = _("The database did not answer in time, or its connection was lost.")
    response = error_pages.answer(
        request, HTTPStatus.SERVICE_UNAVAILABLE, title, sentence, _("Try again in a few seconds.")
    )
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def failed(request: HttpRequest) -> HttpResponse:
    """Answer an error raised before any view, such as by the session look-up; None for an error of the site."""
    error = sys.exc_info()[1]
    return answer(request, error) if error is not None and is_passing(error) else error_pages.failed(request)


class DatabaseBusy(MiddlewareMixin):
    """Middleware that gives this answer for every view."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return answer(request, exception) if is_passing(exception) else None
