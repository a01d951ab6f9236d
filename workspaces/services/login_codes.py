"""Issue the codes of a terminal's login, and exchange each of them once for a personal token (RFC 6749, RFC 7636).

Authlib's server side would need its own client and token models, and a server object to hold them; with one public
client, one grant and one answer, the rules below are all that is left of it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
import secrets

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from workspaces.models import LoginCode
from workspaces.services.tokens import create_token, revoke_token

LIFETIME_SECONDS = 60
# Long enough to recognize a code that is presented again while its token matters most.
_KEPT = dt.timedelta(days=7)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class InvalidGrant(Exception):
    """A code that cannot be exchanged; the message is for the client, in English, and quotes nothing secret."""


def issue_code(*, by: User, redirect_uri: str, code_challenge: str, description: str, days: int) -> str:
    """Issue the code that a terminal may exchange within a minute; ``days`` 0 is a token that does not expire."""
    code, now = secrets.token_urlsafe(32), timezone.now()
    LoginCode.objects.filter(expires_at__lt=now - _KEPT).delete()
    LoginCode.objects.create(
        digest=_digest(code),
        user=by,
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        description=description,
        days=days,
        expires_at=now + dt.timedelta(seconds=LIFETIME_SECONDS),
    )
    return code


def redeem_code(code: str, *, redirect_uri: str, code_verifier: str) -> str:
    """Exchange a code for the text of a new personal token of the user who allowed it.

    A code is used up by the first attempt, right or wrong. A second attempt revokes the token of the first: one of the
    two is not the terminal. Raises InvalidGrant.
    """
    with transaction.atomic():
        # The row is the lock: of two exchanges at once, one finds the code used.
        found = (
            LoginCode.objects.select_for_update(of=("self",))
            .select_related("user", "token")
            .filter(digest=_digest(code))
            .first()
        )
        if found is None:
            raise InvalidGrant("The code is not known. Run the login again.")
        refusal = _refusal(found, redirect_uri, code_verifier)
        text = ""
        if found.used_at is not None:
            if found.token is not None and not found.token.deleted:
                revoke_token(found.token, by=found.user)
        else:
            found.used_at = timezone.now()
            if not refusal:
                found.token, text = create_token(by=found.user, description=found.description, days=found.days)
            found.save(update_fields=["used_at", "token"])
    if refusal:
        # Outside the transaction, which keeps that the code is used and its token revoked.
        raise InvalidGrant(refusal)
    return text


def _refusal(found: LoginCode, redirect_uri: str, code_verifier: str) -> str:
    """Return why a code cannot be exchanged; empty if it can."""
    if found.used_at is not None:
        return "The code was used before, so the token that it gave is revoked. Run the login again."
    if found.expires_at <= timezone.now():
        return f"The code was good for {LIFETIME_SECONDS} seconds. Run the login again."
    if found.redirect_uri != redirect_uri:
        return "redirect_uri is not the one that the code was issued for."
    if not _VERIFIER.fullmatch(code_verifier) or not hmac.compare_digest(
        _challenge(code_verifier), found.code_challenge
    ):
        return "code_verifier does not fit the code_challenge that the code was issued for."
    if not found.user.is_active or not found.user.is_staff:
        return "The user who allowed the login may not sign in any more."
    return ""


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _challenge(code_verifier: str) -> str:
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
