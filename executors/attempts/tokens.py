"""The one-time token of an attempt, and the session that its claim opens.

The token is derived, not stored: launching the same attempt again gives the same manifest, and the database holds
nothing with which an attempt could be claimed. The session is made by the executor itself, so that a claim whose answer
was lost can be repeated; only its hash is kept.
"""

import hashlib
import hmac

from django.conf import settings

from executors.models import Attempt, WarmPod

CLAIM = b"attempt-token:"
STATES = b"attempt-states:"
WAIT = b"warm-pod:"
"""What a token is for; none of one purpose serves another."""

type Owner = Attempt | WarmPod


def claim_token(attempt: Attempt) -> str:
    """Return the text that claims an attempt once."""
    return derived_token(attempt, CLAIM)


def is_claim_token(attempt: Attempt, text: str) -> bool:
    """Whether a text is that of an attempt, also of one that was launched under an older secret."""
    return is_derived_token(attempt, CLAIM, text)


def derived_token(owner: Owner, purpose: bytes) -> str:
    """Return the token of an attempt or a warm pod for a purpose."""
    return _derive_token(owner, purpose, settings.SECRET_KEY)


def is_derived_token(owner: Owner, purpose: bytes, text: str) -> bool:
    """Whether a text is its owner's token for a purpose, also if it was made under an older secret."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    found = [hmac.compare_digest(_derive_token(owner, purpose, secret).encode(), text.encode()) for secret in secrets]
    return any(found)


def _derive_token(owner: Owner, purpose: bytes, secret: str) -> str:
    key = hashlib.sha256(purpose + secret.encode()).digest()
    return hmac.new(key, f"{owner.pk}:{owner.nonce}".encode(), hashlib.sha256).hexdigest()


def session_hash(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()


def is_session(attempt: Attempt, text: str) -> bool:
    return bool(attempt.session_hash) and hmac.compare_digest(
        attempt.session_hash.encode(), session_hash(text).encode()
    )
