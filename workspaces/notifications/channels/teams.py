"""Microsoft Teams: an adaptive card for a workflow that waits for a webhook."""

from __future__ import annotations

import re
from typing import Any

from workspaces.message_templates import render_template
from workspaces.notifications.channels.base import Message, Sent, Target, button_of, json_body, shorten
from workspaces.notifications.facts import Facts

_MARKDOWN = re.compile(r"([\\`*_\[\]()#!>~|<])")
_LONGEST = 4000


def escape_markdown(text: str) -> str:
    """Return a text in which a card finds no link, image or emphasis."""
    return _MARKDOWN.sub(r"\\\1", text)


def teams_request(target: Target, message: Message) -> Sent:
    """Return the request."""
    facts = message.facts
    if target.template:
        title = render_template(target.template, facts.values, escape=escape_markdown)
    else:
        title = escape_markdown(facts.headline)
    body: list[dict[str, Any]] = [_text(title, size="Medium", weight="Bolder")]
    if target.is_detailed:
        body.append({"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in _rows(facts)]})
        if facts.reason:
            body.append(_text(escape_markdown(facts.reason)))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": button_of(facts), "url": facts.url}],
    }
    content = {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }
    return Sent(json_body(content), {"Content-Type": "application/json"})


def _text(text: str, **options: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": shorten(text, _LONGEST), "wrap": True, **options}


def _rows(facts: Facts) -> list[tuple[str, str]]:
    rows = [
        ("Organization", facts.organization),
        ("Workspace", facts.workspace),
        ("Job", "" if facts.job is None else f"#{facts.job}"),
        ("Status", facts.status),
        ("Commit", facts.commit[:12]),
    ]
    return [(name, escape_markdown(value)) for name, value in rows if value]
