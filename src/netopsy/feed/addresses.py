"""Mail addresses as people type them."""

from __future__ import annotations

from netopsy.core.errors import InputError
from netopsy.core.texts import shortened
from netopsy.feed.mail.headers import mailbox


def mail_address(typed: str) -> str:
    """The address in one form: without blanks around it, its domain in small letters and ASCII.

    Nothing is asked of the network. What stands before the @ must be ASCII: not every server takes other letters.

    Raises:
        InputError: it is no address.

    >>> mail_address(" Ada@Example.ORG ")
    'Ada@example.org'
    """
    from email_validator import EmailNotValidError, validate_email  # a tenth of a second, which readers need not wait

    try:
        found = validate_email(
            str(typed).strip(), check_deliverability=False, test_environment=True, allow_smtputf8=False
        )
        return mailbox(f"{found.local_part}@{found.ascii_domain}")
    except (EmailNotValidError, InputError) as error:
        raise InputError(f"address must be a mail address, got {shortened(str(typed))!r}: {error}") from None


def same_mailbox(address: str) -> str:
    """What two spellings of one mailbox have in common; what is hashed."""
    return address.casefold()
