"""Messages of other programs, prepared for our sentences."""

LONGEST = 300


def spoken(seconds: float) -> str:
    """Format a duration for people: "45 s", "15 minutes"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes"


def quoted(words: str) -> str:
    """Return a message on one line, truncated, without its full stop, which would end our sentence."""
    line = " ".join(words.split())
    if len(line) > LONGEST:
        line = line[: LONGEST - 1].rstrip() + "…"
    return line.rstrip(". ")
