"""What a rule says, in words for a page."""

from .policy import Effect, Rule

_MOST = 8


def described(rule: Rule) -> list[str]:
    """What a rule allows of its setting, each a short sentence; a default is none of it."""
    if rule.effect is Effect.FORBIDDEN:
        return [f"Forbidden by {rule.level}."]
    if rule.is_locked:
        return [f"Locked by {rule.level}."]
    found = []
    if rule.allowed:
        found.append(f"Allowed: {_listed(rule.allowed)} ({rule.level}).")
    if rule.refused:
        found.append(f"Not allowed: {_listed(rule.refused)} ({rule.level}).")
    if rule.minimum and rule.maximum:
        found.append(f"From {rule.minimum} to {rule.maximum} ({rule.level}).")
    elif rule.maximum:
        found.append(f"At most {rule.maximum} ({rule.level}).")
    elif rule.minimum:
        found.append(f"At least {rule.minimum} ({rule.level}).")
    return found


def summary(rule: Rule) -> str:
    """All that a rule says, in one line without its level."""
    if rule.effect is Effect.FORBIDDEN:
        return "forbidden"
    if rule.is_locked:
        return f"locked to {rule.value or 'nothing'}"
    parts = [f"default {rule.value}"] if rule.value else []
    parts += [f"allowed {_listed(rule.allowed)}"] if rule.allowed else []
    parts += [f"not allowed {_listed(rule.refused)}"] if rule.refused else []
    parts += [f"at least {rule.minimum}"] if rule.minimum else []
    parts += [f"at most {rule.maximum}"] if rule.maximum else []
    return "; ".join(parts)


def _listed(entries: tuple[str, ...]) -> str:
    shown = ", ".join(entries[:_MOST])
    return f"{shown} and {len(entries) - _MOST} more" if len(entries) > _MOST else shown
