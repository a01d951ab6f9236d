"""Operations of the endpoints besides the resources, with their texts and examples."""

from __future__ import annotations

from workspaces.api.openapi.other_texts import ANSWERS, DESCRIPTIONS
from workspaces.api.openapi.parts import JSON, Part, content


def operation(name: str, tag: str, summary: str, responses: Part, *parameters: Part, **others: object) -> Part:
    """Return an operation with its texts; the example of its answer is that of its name."""
    found: Part = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": DESCRIPTIONS[name],
        "responses": responses,
        **others,
    }
    given: Part = next((row["content"] for code, row in responses.items() if code < "3" and "content" in row), {})
    for described in given.values():
        described["example"] = ANSWERS[name]
    if parameters:
        found["parameters"] = list(parameters)
    return found


def without_token(operation: Part) -> Part:
    """Return what needs no token."""
    return operation | {"security": []}


def body(schema: Part, media_type: str = JSON, example: object = None) -> Part:
    """Return the body of a request."""
    return {"required": True, "content": content(schema, media_type, example)}
