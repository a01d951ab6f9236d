"""Keep sensitive values out of error messages, whichever check produced them."""

from __future__ import annotations

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message, translated

RUN = 6
"""Characters in a row that a sentence has in common with a value only where it quotes it."""
NEUTRAL_SENTENCE = _("{key}: its value is not allowed. The value is sensitive, so no details are shown.")


def quotes_secret(sentence: str, secret: str) -> bool:
    """Return whether a sentence repeats a piece of a secret; for a short secret, the whole of it."""
    text = secret.strip()
    if not text:
        return False
    width = min(RUN, len(text))
    return any(sentence[at : at + width] in text for at in range(len(sentence) - width + 1))


def without_secret(sentence: str, key: str, secret: str) -> str:
    """Return a sentence about a sensitive variable, or the neutral one where it quotes the secret."""
    return message(NEUTRAL_SENTENCE, key=key) if quotes_secret(sentence.replace(key, ""), secret) else sentence


def without_secrets(error: ValidationError, key: str, *secrets: str) -> ValidationError:
    """Return the error with every sentence replaced that quotes one of the secrets."""
    fields = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
    shown: dict[str, list[str]] = {}
    for name, sentences in fields.items():
        quoted = [any(quotes_secret(text.replace(key, ""), secret) for secret in secrets) for text in sentences]
        kept = [text for text, hidden in zip(sentences, quoted, strict=True) if not hidden]
        shown[name] = [*kept, translated(message(NEUTRAL_SENTENCE, key=key))] if any(quoted) else kept
    return ValidationError(shown)
