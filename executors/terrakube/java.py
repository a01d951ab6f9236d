"""Java serialization of text: Terrakube's executor writes keys, field names and values in Redis that way.

A string is the stream's header, a type byte, its length and modified UTF-8: NUL is two bytes, and a character
outside the basic plane is a pair of surrogates of three bytes each.
"""

from __future__ import annotations

_HEADER = b"\xac\xed\x00\x05"
_SHORT = b"\x74"  # with a length of 2 bytes
_LONG = b"\x7c"  # with a length of 8 bytes
_LONGEST_SHORT = 0xFFFF


class NotSerialized(ValueError):
    """Bytes that are not a serialized string."""


def dumps(text: str) -> bytes:
    """Serialize a string as Java's ObjectOutputStream does."""
    data = text.encode("utf-16-be", "surrogatepass")
    units = [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
    body = b"".join(b"\xc0\x80" if unit == 0 else chr(unit).encode("utf-8", "surrogatepass") for unit in units)
    if len(body) > _LONGEST_SHORT:
        return _HEADER + _LONG + len(body).to_bytes(8) + body
    return _HEADER + _SHORT + len(body).to_bytes(2) + body


def loads(data: bytes) -> str:
    """Return the string that Java wrote. Raises NotSerialized."""
    kind, rest = data[4:5], data[5:]
    width = {_SHORT: 2, _LONG: 8}.get(kind, 0)
    if data[:4] != _HEADER or not width or len(rest) - width != int.from_bytes(rest[:width]):
        raise NotSerialized("This is no serialized string")
    try:
        units = rest[width:].replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")
        return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    except UnicodeDecodeError:
        raise NotSerialized("This is no serialized string") from None
