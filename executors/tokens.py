"""The one-time token of an attempt, and the session that its claim opens.

The token is derived, not stored: launching the same attempt again gives the same manifest, and the database holds
nothing with which an attempt could be claimed. The session is made by the executor itself, so that a claim whose answer
was lost can be repeated; only its hash is kept.
"""

import hashlib
import hmac

from django.conf import settings

from executors.models import Attempt


def claim_token(attempt: Attempt) -> str:
    """The text that claims an attempt once."""
    key = hashlib.sha256(b"attempt-token:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, f"{attempt.pk}:{attempt.nonce}".encode(), hashlib.sha256).hexdigest()


def is_claim_token(attempt: Attempt, text: str) -> bool:
    return hmac.compare_digest(claim_token(attempt).encode(), text.encode())


def session_hash(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()


def is_session(attempt: Attempt, text: str) -> bool:
    return bool(attempt.session_hash) and hmac.compare_digest(
        attempt.session_hash.encode(), session_hash(text).encode()
    )
