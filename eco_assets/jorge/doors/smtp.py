"""E-mail. A mail server knows no keys: what broke off after the letter's last line is in doubt and is never sent again by itself.

Up to that line nothing has happened and everything is tried again. The Message-ID is made of the key, so that a mailbox, or a person who
looks, can tell two copies of one letter.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any, ClassVar

from eco_assets.errors import ActionRefused
from eco_assets.jorge.doors import letters
from eco_assets.jorge.doors.door import Began, Form, Message, OutcomeUnknown, Unreached, short, withdrawal
from eco_assets.jorge.doors.options import Smtp

NOBODY = "sem-endereco.invalid"  # RFC 2606: no letter can ever be delivered there
_SENDER = f"Eco <eco@{NOBODY}>"
_ADDRESS = re.compile(r"(?:[^<>@,;:\n]*<)?[^\s<>@,;:\"]+@[^\s<>@,;:\"]+>?")  # one address, with a name or without


class SmtpDoor:
    """One mail server."""

    kind: ClassVar[str] = "smtp"
    is_idempotent: ClassVar[bool] = False

    def __init__(self, options: Smtp) -> None:
        self._options = options

    def send(self, key: str, message: Message, began: Began) -> str:
        """See `Door.send`."""
        return self._post(compose(key, message, self._address(message), self._options.sender, self._options.reply_to), began)

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """A second letter, in answer to the first, that takes it back."""
        sender, to = self._options.sender, self._address(message)
        return self._post(compose(key, message, to, sender, self._options.reply_to, is_withdrawal=True), began)

    def check(self) -> str:
        """Log in and say nothing."""
        with self._server() as server:
            code, said = server.noop()
        return f"{self._options.host}:{self._options.port} answers {code} {said.decode(errors='replace')}"

    def _address(self, message: Message) -> str:
        to = str(message.get("to", ""))
        if _ADDRESS.fullmatch(to):
            return to
        pattern = self._options.recipients.get(to)
        if pattern is None:
            known = ", ".join(sorted(self._options.recipients)) or "none"
            raise ActionRefused(f"no address is known for {to!r}; give `recipients` of the door one (it knows: {known})")
        try:
            found = pattern.format_map({**message, **message.get("values", {})})
        except (KeyError, ValueError, IndexError) as error:
            raise ActionRefused(f"recipients.{to}: {error} is no field of this order") from error
        if not _ADDRESS.fullmatch(found):
            raise ActionRefused(f"recipients.{to} gives no address for this order; correct it in doors.yaml")
        return found

    def _post(self, letter: EmailMessage, began: Began) -> str:
        sender, to = parseaddr(str(letter["From"]))[1], parseaddr(str(letter["To"]))[1]
        with self._server() as server:
            _accepted(server.mail(sender), "the sender")
            _accepted(server.rcpt(to), "the recipient")
            began()  # before DATA: whoever gives up here can still say so
            code, said = server.docmd("DATA")
            _accepted((code, said), "the letter", wanted=354)
            try:
                server.send(_on_the_wire(letter))
                code, said = server.getreply()
            except (OSError, smtplib.SMTPException) as error:
                raise OutcomeUnknown(f"the mail server broke off after the letter was sent: {error}") from error
            if not 200 <= code < 600:
                raise OutcomeUnknown(f"the mail server's answer to the letter cannot be read: {code} {said!r}")
            _accepted((code, said), "the letter")
        return f"e-mail {letter['Message-ID']}"

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """A server that we are logged in to. Whatever breaks here broke before any letter was sent."""
        options = self._options
        server: smtplib.SMTP | None = None
        try:
            context = ssl.create_default_context()
            if options.security == "tls":
                server = smtplib.SMTP_SSL(options.host, options.port, timeout=options.timeout_s, context=context)
            else:
                server = smtplib.SMTP(options.host, options.port, timeout=options.timeout_s)
            server.ehlo_or_helo_if_needed()
            if options.security == "starttls":
                server.starttls(context=context)
            if options.user:
                server.login(options.user, options.password.get_secret_value())
            yield server
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
            raise _refusal(error.smtp_code, said, "the connection") from error
        except smtplib.SMTPNotSupportedError as error:
            raise ActionRefused(f"the mail server cannot do what doors.yaml asks: {error}") from error
        except ssl.SSLCertVerificationError as error:
            raise ActionRefused(f"the mail server's certificate is not valid: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unreached(f"the mail server {options.host}:{options.port} does not answer: {error}") from error
        finally:
            if server is not None:
                server.close()


def compose(key: str, message: Message, to: str, sender: str, reply_to: str = "", *, is_withdrawal: bool = False) -> EmailMessage:
    """The letter of a message, ready to be sent.

    Raises:
        PermanentError: no such template, or a field of it is missing. ActionRefused: an address or a subject that no header may hold.
    """
    values: dict[str, Any] = {**message, **message.get("values", {})}
    letter = EmailMessage()
    domain = parseaddr(sender)[1].rpartition("@")[2] or NOBODY
    original = f"<{short(key)}@{domain}>"
    try:
        written = letters.write(str(message.get("template", "aviso")), values)
        if is_withdrawal:
            values["assunto"] = written.subject
            written = letters.write(str(message.get("undo_template") or "desconsiderar"), values)
            letter["In-Reply-To"] = letter["References"] = original
        letter["From"], letter["To"], letter["Subject"] = sender, to, written.subject
        if reply_to:
            letter["Reply-To"] = reply_to
    except (ValueError, IndexError) as error:
        raise ActionRefused(f"the letter's head cannot be written: {error}") from error
    own = withdrawal(key) if is_withdrawal else key
    letter["Message-ID"] = f"<{short(own)}@{domain}>"
    letter["Date"] = formatdate(localtime=True)
    letter["X-Eco-Key"] = own
    letter["Auto-Submitted"] = "auto-generated"
    reference = str(message.get("decision_id", ""))[:12] or short(key)[:12]
    letter.set_content(f"{written.body}\n-- \n{letters.SIGNATURE}{reference}\n", cte="quoted-printable")
    return letter


def form(key: str, message: Message, *, is_withdrawal: bool = False) -> Form:
    """The letter as it would leave, for an outbox: whom it is for stays a role where no address is given."""
    to = str(message.get("to") or "destinatario")
    if not _ADDRESS.fullmatch(to):
        name = f"{to} {message.get('subject', '')}".strip()
        to = str(Address(name, re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.")[:60] or "destinatario", NOBODY))
    letter = compose(key, message, to, _SENDER, is_withdrawal=is_withdrawal)
    head = {name: str(letter[name]) for name in ("To", "Subject", "Message-ID")}
    return Form(head, {"eml": letter.as_bytes()})


def _on_the_wire(letter: EmailMessage) -> bytes:
    """Bytes with the line endings and the doubled first dots of SMTP, and the end mark."""
    raw = letter.as_bytes(policy=letter.policy.clone(linesep="\r\n", max_line_length=78))
    return re.sub(rb"(?m)^\.", b"..", raw.rstrip(b"\r\n") + b"\r\n") + b".\r\n"


def _accepted(answer: tuple[int, bytes], what: str, wanted: int = 250) -> None:
    code, said = answer
    if code != wanted and not (wanted == 250 and code == 251):
        raise _refusal(code, said.decode(errors="replace"), what)


def _refusal(code: int, said: str, what: str) -> Exception:
    if 500 <= code < 600:
        return ActionRefused(f"the mail server refuses {what}: {code} {said[:200]}")
    return Unreached(f"the mail server does not take {what} now: {code} {said[:200]}")
