"""A signed webhook: Terrakube's JSON and its signature, and a second one that also covers time and delivery."""

from __future__ import annotations

import hashlib
import hmac

from workspaces.message_templates import render_template
from workspaces.notifications.channels.base import Message, Sent, Target, json_body

SIGNATURE = "X-Terrakube-Signature"
SIGNATURE_V2 = "X-Terrakube-Signature-V2"
DELIVERY = "X-Terrakube-Delivery"
_LONGEST_REASON = 500


def webhook_request(target: Target, message: Message) -> Sent:
    """Return the request; without a secret it is not signed."""
    facts = message.facts
    template = target.template
    body = json_body(
        {
            "organization": facts.organization,
            "workspace": facts.workspace or None,
            "jobId": facts.job,
            "status": facts.status,
            "runUrl": facts.url,
            "workspaceUrl": facts.workspace_url or None,
            "commitId": facts.commit or None,
            "failureReason": facts.failure_reason[-_LONGEST_REASON:] or None,
            "configurationName": target.name,
            "event": facts.event,
            "reasonCode": facts.reason_code or None,
            "message": render_template(template, facts.values) if template else facts.headline,
        }
    )
    headers = {"Content-Type": "application/json", DELIVERY: message.delivery}
    if target.secret:
        moment = str(int(message.at.timestamp()))
        signed = b".".join((moment.encode(), message.delivery.encode(), body))
        headers[SIGNATURE] = _signature(target.secret, body)
        headers[SIGNATURE_V2] = f"t={moment},v1={_signature(target.secret, signed)}"
    return Sent(body, headers)


def _signature(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
