"""Slack's incoming webhooks, and what understands the same, such as Mattermost."""

from __future__ import annotations

from typing import Any

from workspaces.message_templates import render_template
from workspaces.notifications.channels.base import (
    Message,
    Sent,
    Target,
    button_of,
    color_of,
    json_body,
    shorten,
)
from workspaces.notifications.facts import Facts

# Slack refuses a whole message for one text that is longer.
_HEADER, _SECTION, _USERNAME, _TEXT = 150, 2900, 80, 3500


def escape_slack(text: str) -> str:
    """Return a text in which Slack finds no link, mention or call of a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_request(target: Target, message: Message) -> Sent:
    """Return the request."""
    facts = message.facts
    content: dict[str, Any] = {"text": _text(target, facts), "username": shorten(_who(facts), _USERNAME)}
    if target.is_detailed:
        content["attachments"] = [{"color": color_of(facts.event), "blocks": _blocks(facts)}]
    return Sent(json_body(content), {"Content-Type": "application/json"})


def _who(facts: Facts) -> str:
    return facts.workspace or facts.organization


def _text(target: Target, facts: Facts) -> str:
    if target.template:
        return shorten(render_template(target.template, facts.values, escape=escape_slack), _TEXT)
    return shorten(f"{escape_slack(facts.headline)} <{facts.url}|{button_of(facts)}>", _TEXT)


def _blocks(facts: Facts) -> list[dict[str, Any]]:
    context = [f"*Organization:* {escape_slack(facts.organization)}"]
    if facts.job is not None:
        context.append(f"*Job:* #{facts.job}")
    if facts.commit:
        context.append(f"*Commit:* {escape_slack(facts.commit[:12])}")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": shorten(f"{_who(facts)} - {facts.verb}", _HEADER)}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": part} for part in context]},
    ]
    if facts.reason:
        text = shorten(escape_slack(facts.reason), _SECTION)
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    button = {"type": "plain_text", "text": button_of(facts)}
    blocks.append({"type": "actions", "elements": [{"type": "button", "text": button, "url": facts.url}]})
    return blocks
