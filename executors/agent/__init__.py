"""The program in a step's pod: claims the attempt, runs terraform or tofu, reports. `python -m executors.agent`."""

VERSION = "1.0"
