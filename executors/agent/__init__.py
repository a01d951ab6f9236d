"""The executor program in the pod of a step (`python -m executors.agent`): claim, run terraform or tofu, report."""

VERSION = "1.1"
