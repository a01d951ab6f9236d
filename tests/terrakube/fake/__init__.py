"""A program that behaves as Terrakube's executor does, without its terraform: what it reads, calls, writes and says.

Standard library only, since it is also the whole of an image. ``FAKE_VERSION`` is the version that it plays ("2.30"),
``FAKE_PACE`` what its pauses are multiplied with. What its terraform finds is told by the step's own environment:
FAKE_PLAN (changes, none or error), FAKE_APPLY (ok or error), FAKE_HOLD (seconds that terraform takes, or "sent": until
its log is with the API), FAKE_LINES.
"""
