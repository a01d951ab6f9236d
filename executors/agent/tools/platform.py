"""The platform of this machine, as terraform, tofu and their releases write it."""

import os

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
PLATFORM = f"linux_{_MACHINES.get(os.uname().machine, os.uname().machine)}"
