"""Letters to a mail server: encrypted unless it is this machine, over a connection that is kept."""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass, field

from netopsy.feed.mail.answers import Answer, Envelope, Outcome, Transport, said

RENEWED = 100
"""Letters after which a new connection is made."""
_POLICY = re.compile(rb"5\.(7\.\d|2\.2)")
"""A refusal that is about who sends, or about a full mailbox, and not that there is none."""


@dataclass(frozen=True)
class Server:
    """Where letters go, and how."""

    host: str
    port: int
    security: str
    """``starttls``, ``tls`` or ``plain``."""
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    """A file of certificates to trust in place of the system's."""
    called: str = "localhost"
    """How this machine names itself."""


class Smtp(Transport):
    """One connection to a server, made when it is needed.

    Args:
        timeout: seconds that the server may take for anything.
    """

    def __init__(self, server: Server, *, timeout: float = 60.0) -> None:
        self.server, self.timeout = server, timeout
        self._open: smtplib.SMTP | None = None
        self._sent = 0

    def send(self, envelope: Envelope) -> Answer:
        """Hand one letter over, on a new connection where the kept one has been closed meanwhile."""
        if self._sent >= RENEWED:
            self.close()
        kept = self._open is not None
        answer = self._try(envelope)
        return self._try(envelope) if kept and answer.outcome is Outcome.UNREACHABLE else answer

    def trouble(self) -> str:
        """Connect and sign in as for a letter."""
        try:
            code, reply = self._connection().noop()
            return "" if code == 250 else said(reply, code)
        except smtplib.SMTPResponseException as error:
            return said(error.smtp_error, error.smtp_code)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return said(error) or type(error).__name__
        finally:
            self.close()

    def close(self) -> None:
        """Say goodbye."""
        opened, self._open, self._sent = self._open, None, 0
        if opened is not None:
            try:
                opened.quit()
            except (OSError, smtplib.SMTPException):
                opened.close()

    def _drop(self) -> None:
        opened, self._open, self._sent = self._open, None, 0
        if opened is not None:
            opened.close()

    def _try(self, envelope: Envelope) -> Answer:
        handed_over = False
        try:
            server = self._connection()
            code, reply = server.mail(envelope.sender)
            if code != 250:
                return self._stopped(code, reply, Outcome.UNREACHABLE if code == 421 or code >= 500 else Outcome.AGAIN)
            code, reply = server.rcpt(envelope.to)
            if code not in (250, 251):
                refused = Outcome.REJECTED if _POLICY.match(reply) else Outcome.REFUSED
                return self._stopped(code, reply, refused if code >= 500 else Outcome.AGAIN)
            code, reply = server.docmd("DATA")
            if code != 354:
                return self._stopped(code, reply, Outcome.REJECTED if code >= 500 else Outcome.AGAIN)
            handed_over = True
            server.send(envelope.content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            code, reply = server.getreply()
            if not 200 <= code < 600 or 300 <= code < 400:  # no answer to what was handed over
                self._drop()
                return Answer(Outcome.UNCERTAIN, said(reply, code))
            if code >= 400:
                return self._stopped(code, reply, Outcome.REJECTED if code >= 500 else Outcome.AGAIN)
        except smtplib.SMTPResponseException as error:
            self._drop()
            outcome = Outcome.UNCERTAIN if handed_over else Outcome.UNREACHABLE
            return Answer(outcome, said(error.smtp_error, error.smtp_code))
        except (OSError, smtplib.SMTPException, ValueError) as error:  # ssl says some things as ValueError
            self._drop()
            outcome = Outcome.UNCERTAIN if handed_over else Outcome.UNREACHABLE
            return Answer(outcome, said(error) or type(error).__name__)
        self._sent += 1
        return Answer(Outcome.SENT, said(reply, code))

    def _stopped(self, code: int, reply: bytes, outcome: Outcome) -> Answer:
        """After a refusal: the connection is used on unless the server leaves it."""
        opened = self._open
        assert opened is not None
        try:
            if code == 421 or opened.rset()[0] != 250:
                self._drop()
        except (OSError, smtplib.SMTPException):
            self._drop()
        return Answer(outcome, said(reply, code))

    def _connection(self) -> smtplib.SMTP:
        if self._open is not None:
            return self._open
        where, context = self.server, None
        if where.security != "plain":
            context = ssl.create_default_context(cafile=where.ca or None)
        made: smtplib.SMTP
        if where.security == "tls":
            made = smtplib.SMTP_SSL(
                where.host, where.port, local_hostname=where.called, timeout=self.timeout, context=context
            )
        else:
            made = smtplib.SMTP(where.host, where.port, local_hostname=where.called, timeout=self.timeout)
        try:
            if where.security == "starttls":
                made.starttls(context=context)
            made.ehlo_or_helo_if_needed()
            if where.user:
                made.login(where.user, where.password)
        except BaseException:
            made.close()
            raise
        self._open, self._sent = made, 0
        return made
