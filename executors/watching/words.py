"""Other programs' words, made fit to stand in a sentence."""

LONGEST = 300


def quoted(words: str) -> str:
    """Words on one line, shortened, and without the full stop that would end our sentence."""
    line = " ".join(words.split())
    if len(line) > LONGEST:
        line = line[: LONGEST - 1].rstrip() + "…"
    return line.rstrip(". ")
