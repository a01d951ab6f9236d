"""The page shown after too many wrong passwords."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import ngettext

from terrakube_site.http.client_address import network_of_client

_LONGEST_NAME = 255


def attempted_user_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Return the entered user name, truncated to its column, for the record of failed sign-ins; None without one."""
    name = credentials.get("username") if credentials else request.POST.get("username")
    return str(name).replace("\0", "␀")[:_LONGEST_NAME] if name is not None else None


def lockout_page(request: HttpRequest, *rest: Any) -> HttpResponse:
    """Return the page shown instead of the login page, with the time left."""
    username = attempted_user_name(request) or ""
    attempts = AccessAttempt.objects.filter(username=username, ip_address=network_of_client(request))
    last: dt.datetime | None = attempts.aggregate(last=Max("attempt_time"))["last"]
    lasts: dt.timedelta = settings.AXES_COOLOFF_TIME
    left = (last + lasts - timezone.now()) if last is not None else lasts
    minutes = max(1, math.ceil(left.total_seconds() / 60))
    sentence = ngettext(
        "Too many failed sign-ins as this user from your address. Try again in %(minutes)s minute.",
        "Too many failed sign-ins as this user from your address. Try again in %(minutes)s minutes.",
        minutes,
    ) % {"minutes": minutes}
    context = {**admin.site.each_context(request), "title": "", "sentence": sentence}
    response = render(request, "terrakube/locked_out.html", context, status=429)
    response["Retry-After"] = str(minutes * 60)
    return response
