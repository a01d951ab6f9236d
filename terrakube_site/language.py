"""Which language an answer has: the reader's on the panel's pages, English everywhere else."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

PANEL = ("/admin/", "/runs/", "/sign-in/", "/i18n/")
"""The addresses that people open; what the others answer is for programs, which compare texts and keep them."""


class PanelLanguage(LocaleMiddleware):
    """Takes the language from the reader's choice or browser on the panel alone."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(PANEL):
            super().process_request(request)
            return
        translation.activate(settings.LANGUAGE_CODE)
        request.LANGUAGE_CODE = settings.LANGUAGE_CODE


def in_english(label: Any) -> str:
    """A label, or a record's name, as what is kept and answers to programs hold it, whatever language the page has."""
    with translation.override(None):
        return str(label)
