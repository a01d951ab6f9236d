"""A mail server on the loopback: keeps what it is sent, and answers as a test says."""

from __future__ import annotations

import email
import socket
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from typing import BinaryIO

from tests.support.loopback import Listener

TAKEN = "250 taken"


@dataclass(frozen=True)
class Mail:
    """One message, with the sender and the recipients of its envelope."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        # A long one begins on a line of its own.
        return str(self.message["Subject"]).strip()

    @property
    def body(self) -> str:
        return str(self.message.get_content())


class MailServer:
    """Speaks SMTP, RFC 5321, as far as a client without login needs it.

    ``answers`` are given to messages in order; the last one again and again. Only messages that are taken are kept.
    """

    def __init__(self) -> None:
        self.received: list[Mail] = []
        self.answers: list[str] = [TAKEN]
        self._listener = Listener(self._take)
        self.port = self._listener.port

    def close(self) -> None:
        self._listener.close()

    def _take(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection, connection.makefile("rwb", buffering=0) as stream:
            self._talk(stream)  # type: ignore[arg-type]

    def _talk(self, stream: BinaryIO) -> None:
        def say(line: str) -> None:
            stream.write(f"{line}\r\n".encode())

        say("220 loopback ready")
        sender, recipients = "", list[str]()
        while line := stream.readline():
            word, _, rest = line.decode().strip().partition(" ")
            match word.upper():
                case "EHLO" | "HELO":
                    say("250 loopback")
                case "MAIL":
                    sender, recipients = _address(rest), []
                    say("250 ok")
                case "RCPT":
                    recipients.append(_address(rest))
                    say("250 ok")
                case "DATA":
                    say("354 go on")
                    content = _content(stream)
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if answer == TAKEN:
                        found = email.message_from_bytes(content, policy=default)
                        self.received.append(Mail(sender, tuple(recipients), found))
                    say(answer)
                case "RSET":
                    say("250 ok")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("502 not here")


def _address(text: str) -> str:
    """Return what stands in angle brackets: ``FROM:<ann@example.org> size=300``."""
    return text.partition("<")[2].partition(">")[0]


def _content(stream: BinaryIO) -> bytes:
    """Return a message up to the line with one full stop; a stop before a line's own is taken away."""
    lines = []
    while (line := stream.readline()) not in (b".\r\n", b""):
        lines.append(line.removeprefix(b"."))
    return b"".join(lines)
