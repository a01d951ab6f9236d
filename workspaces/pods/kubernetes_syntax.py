"""What Kubernetes accepts as a name, label, annotation, quantity or path, without asking a cluster.

Each check returns None for a valid text, else the objection: the end of a sentence that begins with the text ("must
..."). Pure, and as strict as the API server; a check says where it is stricter, because no pod could start.
"""

import re
from decimal import Decimal

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import message

LABEL_PART_LENGTH = 63
NAME_LENGTH = 253
ANNOTATIONS_BYTES = 256 * 1024
MAX_ID = 2**31 - 1
# Linux takes no longer string than this, with its name, equals sign and end mark (MAX_ARG_STRLEN).
ENVIRONMENT_STRING_BYTES = 128 * 1024

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_ENVIRONMENT_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_QUANTITY = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(|n|u|m|k|[MGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})", re.ASCII)
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

# Where a volume would hide files of the image or the kernel: whole trees, or single folders.
_SYSTEM_TREES = (
    "/proc",
    "/sys",
    "/dev",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/boot",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
)
_SYSTEM_FOLDERS = frozenset(
    {"/", "/etc", "/home", "/opt", "/root", "/run", "/usr", "/usr/local", "/usr/local/bin", "/var", "/var/run"}
    | {"/tmp"}  # noqa: S108 - refused, not used
    # Files that the kubelet writes into each container.
    | {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
    # The home and the program of an executor image: ours, and Terrakube's with its launcher.
    | {"/home/terrakube", "/home/cnb", "/workspace", "/layers", "/cnb", "/cnb/lifecycle"}
)


def name_objection(text: str) -> str | None:
    """Check the name of an object: a DNS-1123 subdomain."""
    if len(text) <= NAME_LENGTH and _DNS_SUBDOMAIN.fullmatch(text):
        return None
    return message(
        _(
            "must contain only lowercase letters, digits, '-' and '.', start and end with a letter or digit, and have "
            "at most {length} characters"
        ),
        length=NAME_LENGTH,
    )


def namespace_objection(text: str) -> str | None:
    """Check the name of a namespace: a DNS-1123 label."""
    if len(text) <= LABEL_PART_LENGTH and _DNS_LABEL.fullmatch(text):
        return None
    return message(
        _(
            "must contain only lowercase letters, digits and '-', start and end with a letter or digit, and have at "
            "most {length} characters"
        ),
        length=LABEL_PART_LENGTH,
    )


def label_key_objection(text: str) -> str | None:
    """Check the key of a label, node selector or toleration: `name` or `prefix/name`."""
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > NAME_LENGTH or not _DNS_SUBDOMAIN.fullmatch(prefix)):
        return message(
            _("must have a lowercase DNS name of at most {length} characters before its only '/'"), length=NAME_LENGTH
        )
    if len(name) > LABEL_PART_LENGTH or not _LABEL_PART.fullmatch(name):
        return message(
            _(
                "must contain only letters, digits, '-', '_' and '.', start and end with a letter or digit, and have "
                "at most {length} characters, with an optional prefix as in example.com/name"
            ),
            length=LABEL_PART_LENGTH,
        )
    return None


def label_value_objection(text: str) -> str | None:
    """Check the value of a label, node selector or toleration; it may be empty."""
    if not text or (len(text) <= LABEL_PART_LENGTH and _LABEL_PART.fullmatch(text)):
        return None
    return message(
        _(
            "must contain only letters, digits, '-', '_' and '.', start and end with a letter or digit, and have at "
            "most {length} characters"
        ),
        length=LABEL_PART_LENGTH,
    )


def annotation_key_objection(text: str) -> str | None:
    """Check the key of an annotation: as of a label, but the prefix may have capital letters."""
    return label_key_objection(text.lower())


def environment_name_objection(text: str) -> str | None:
    """Check the name of an environment variable as clusters before 1.34 do, which is also what shells can read."""
    if _ENVIRONMENT_NAME.fullmatch(text):
        return None
    return _("must contain only letters, digits, '_', '-' and '.', and not start with a digit")


def environment_string_objection(name: str, value: str) -> str | None:
    """Check that Linux takes the variable; it ends a container's start otherwise."""
    if "\0" in value:
        return _("must not contain a NUL character")
    if len(name.encode()) + len(value.encode()) + 2 > ENVIRONMENT_STRING_BYTES:
        return message(
            _("is longer than the {size} KiB that Linux allows for one variable"), size=ENVIRONMENT_STRING_BYTES // 1024
        )
    return None


def id_objection(text: str) -> str | None:
    """Check the number of a user or group."""
    if re.fullmatch(r"\d{1,10}", text, re.ASCII) and int(text) <= MAX_ID:
        return None
    return message(_("must be a whole number from 0 to {most}"), most=MAX_ID)


def quantity(text: str) -> Decimal | None:
    """Return the value of a Kubernetes quantity such as 250m, 1.5Gi or 1e3, or None when it is not one."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        return None
    sign, digits, suffix = match.groups()
    number = Decimal(sign + digits)
    if suffix in _BINARY:
        return number * Decimal(1024) ** _BINARY[suffix]
    return number.scaleb(_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))


def quantity_objection(text: str, *, whole: bool) -> str | None:
    """Check the quantity of a resource; `whole` for bytes, which have no fractions.

    The API server only warns of fractional bytes, but 512m of memory is a typo for 512Mi.
    """
    amount = quantity(text)
    if amount is None:
        return _(
            "must be a Kubernetes quantity: a number, optionally followed by m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, "
            "Pi or Ei"
        )
    if amount < 0:
        return _("must not be negative")
    if whole and amount != amount.to_integral_value():
        return _("must be a whole number of bytes (m is a thousandth; 512Mi is 512 mebibytes)")
    return None


def mount_path_objection(text: str) -> str | None:
    """Check the mount path of a volume; remove a trailing slash before."""
    if not text.startswith("/"):
        return _("must be an absolute path, starting with '/'")
    if ":" in text or not text.isprintable():
        return _("must not contain ':' or control characters")
    if text != "/" and any(part in ("", ".", "..") for part in text[1:].split("/")):
        return _("must not contain '//' or the parts '.' and '..'")
    if text in _SYSTEM_FOLDERS or any(text == tree or text.startswith(f"{tree}/") for tree in _SYSTEM_TREES):
        return _("would hide files that the system or the executor needs; choose a separate directory such as /data")
    return None
