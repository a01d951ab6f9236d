"""Browser policies of the site's pages: allowed targets of scripts, styles and forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction
from csp.constants import NONCE, NONE, SELF
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

# No page needs a camera or a sensor, so no injected script gets one either.
PERMISSIONS = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-get",
    "screen-wake-lock", "usb", "xr-spatial-tracking",
)  # fmt: skip
_PERMISSIONS_POLICY = ", ".join(f"{name}=()" for name in PERMISSIONS)


def content_security_policy(issuer: str) -> dict[str, Any]:
    """Return the policy of every page, for django-csp; ``issuer`` is an address, empty for none."""
    parts = urlsplit(issuer)
    # Signing out ends at the issuer, and browsers hold a form's redirects to this too.
    form = [SELF, f"{parts.scheme}://{parts.netloc}"] if issuer else [SELF]
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF],
            # The terminal that shows logs writes its own style element, with the page's nonce.
            "style-src": [SELF, NONCE],
            "img-src": [SELF, "data:"],
            "font-src": [SELF],
            "connect-src": [SELF],
            "frame-src": [SELF],
            "form-action": form,
            # A related record is chosen in a frame of the same site.
            "frame-ancestors": [SELF],
            "base-uri": [NONE],
        }
    }


def _told(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Permissions-Policy", _PERMISSIONS_POLICY)
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    return response


@sync_and_async_middleware
def browser_policy(
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
) -> Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]:
    """Set the headers that neither Django nor django-csp sets."""
    if iscoroutinefunction(get_response):
        later = cast("Callable[[HttpRequest], Awaitable[HttpResponse]]", get_response)

        async def answer_later(request: HttpRequest) -> HttpResponse:
            return _told(await later(request))

        return answer_later
    at_once = cast("Callable[[HttpRequest], HttpResponse]", get_response)

    def answer(request: HttpRequest) -> HttpResponse:
        return _told(at_once(request))

    return answer
