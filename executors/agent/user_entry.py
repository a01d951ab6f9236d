"""An entry in passwd for a user that the image does not know: clusters such as OpenShift give pods a uid of their own.

ssh, and scripts that ask for the name of their user, end at once without one. A pod's /etc is read-only, so nss_wrapper
answers from a file of the step's own.
"""

from __future__ import annotations

import ctypes
import os
import pwd
from collections.abc import Mapping
from pathlib import Path

LIBRARY = "libnss_wrapper.so"


def with_user_entry(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which the user of this process has a name."""
    uid, gid = os.getuid(), os.getgid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        pass
    else:
        return dict(environment)
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        # Not in this image; only programs that need the name fail.
        return dict(environment)
    home = environment.get("HOME") or str(folder)
    users = folder / "passwd"
    users.write_text(f"{Path('/etc/passwd').read_text()}terrakube-{uid}:x:{uid}:{gid}::{home}:/bin/bash\n")
    preload = f"{environment.get('LD_PRELOAD', '')} {LIBRARY}".strip()
    return {
        **environment,
        "LD_PRELOAD": preload,
        "NSS_WRAPPER_PASSWD": str(users),
        "NSS_WRAPPER_GROUP": "/etc/group",
    }
