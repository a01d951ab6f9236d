"""Other programs' words, made fit to stand in a sentence."""

LONGEST = 300


def spoken(seconds: float) -> str:
    """A span as people say it: "45 s", "15 minutes"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes"


def quoted(words: str) -> str:
    """Words on one line, shortened, and without the full stop that would end our sentence."""
    line = " ".join(words.split())
    if len(line) > LONGEST:
        line = line[: LONGEST - 1].rstrip() + "…"
    return line.rstrip(". ")
