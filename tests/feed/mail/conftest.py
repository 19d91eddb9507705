"""Mail servers on this machine."""

import socket
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller


class Sink:
    """Keeps what it is given; says something else where it is told to."""

    def __init__(self):
        self.messages, self.envelopes, self.sessions = [], [], set()
        self.at_recipient = self.at_end = None
        self.port = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802
        said = await self.at_recipient(server) if callable(self.at_recipient) else self.at_recipient
        if said is not None:
            return said
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.envelopes.append(envelope)
        self.sessions.add(session.peer)
        self.messages.append(message_from_bytes(envelope.original_content, policy=default))
        said = await self.at_end(server) if callable(self.at_end) else self.at_end
        return said or "250 taken"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def serving(**options):
    own = Sink()
    own.port = free_port()
    controller = Controller(own, hostname="127.0.0.1", port=own.port, **options)
    controller.start()
    try:
        yield own
    finally:
        controller.stop()


@pytest.fixture
def serve():
    return serving


@pytest.fixture
def sink():
    with serving() as own:
        yield own
