"""Answer 409 with the name of the value when a request needs one whose encryption key was lost."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from terrakube_site import error_pages
from terrakube_site.messages import translated
from workspaces.encryption import DecryptionError

logger = logging.getLogger(__name__)


class LostValues(MiddlewareMixin):
    """Middleware that gives this answer for every view: no program or person should ask for it again."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DecryptionError):
            return None
        logger.error("%s %s: %s", request.method, request.path, exception.sentence)
        return error_pages.answer(
            request,
            HTTPStatus.CONFLICT,
            _("A stored value cannot be read"),
            translated(exception.sentence),
            _("Put the old encryption key back into TERRAKUBE_ENCRYPTION_KEYS, after the new one."),
        )
