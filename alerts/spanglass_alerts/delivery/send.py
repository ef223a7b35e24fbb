"""Hands one message to one channel, and says what became of it."""

import contextlib
import json
import smtplib
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from spanglass_alerts.delivery import forms, slack_bot
from spanglass_alerts.delivery.outgoing import READ_S, Answer, Outgoing, Refused, Unreachable
from spanglass_alerts.delivery.result import Result, judged
from spanglass_alerts.delivery.secrets import SecretMissing, reveal, without
from spanglass_alerts.rules import routing
from spanglass_store.errors import StoreError


def send(
    channel: routing.Channel,
    document: Mapping[str, Any],
    outgoing: Outgoing,
    memory: slack_bot.Memory | None = None,
) -> Result:
    """Hands a message over; whatever goes wrong is in the result.

    Args:
        channel: to whom.
        document: the message.
        outgoing: how addresses are reached.
        memory: what is kept of messages that are changed later; None for nothing.
    """
    secrets: list[str] = []

    def secret(of: Any) -> str:
        value = reveal(of)
        if not isinstance(of, str):
            secrets.append(value)
            if "://" in value:
                # A receiver may quote a part of its address.
                parts = urlsplit(value)
                secrets.extend((parts.path, parts.query, *(v for _, v in parse_qsl(parts.query))))
        return value

    try:
        result = _send(channel, document, outgoing, secret, memory)
    except Unreachable as error:
        result = Result(False, True, reason=str(error))
    except SecretMissing as error:
        # It can be put there while this waits.
        result = Result(False, True, reason=str(error))
    except (Refused, StoreError) as error:
        result = Result(False, False, reason=str(error))
    except Exception as error:
        result = Result(False, True, reason=f"{type(error).__name__}: {error}")
    return Result(result.sent, result.retry, result.after_s, without(result.reason, *secrets))


def _send(
    channel: routing.Channel, document: Mapping[str, Any], outgoing: Outgoing, secret: Any,
    memory: slack_bot.Memory | None,
) -> Result:  # fmt: skip
    match channel:
        case routing.Slack(token=token) if token is not None:
            return slack_bot.deliver(channel, document, outgoing, secret(token), memory)
        case routing.Slack():
            answer = _json(outgoing, secret(channel.url), forms.slack(document))
            return judged(answer, b"ok" in answer.body[:100] or not answer.body)
        case routing.PagerDuty() if document["event"] == "changed":
            change = forms.pagerduty_change(document, secret(channel.routing_key))
            return judged(_json(outgoing, channel.change_address, change), True)
        case routing.PagerDuty():
            event = forms.pagerduty(document, secret(channel.routing_key))
            return judged(_json(outgoing, channel.url, event), True)
        case routing.Webhook():
            body = forms.webhook(document)
            headers = {name: secret(value) for name, value in channel.headers.items()}
            headers |= {
                "Content-Type": "application/json",
                "Idempotency-Key": str(document["id"]),
                "X-Spanglass-Event": str(document["event"]),
            }
            if channel.secret is not None:
                signed = forms.signature(secret(channel.secret), int(time.time()), body)
                headers["X-Spanglass-Signature"] = signed
            return judged(outgoing.post(secret(channel.url), body, headers), True)
        case routing.Email():
            password = secret(channel.password) if channel.password else ""
            return _email(channel, document, outgoing, password)
        case routing.Apprise():
            return _apprise(secret(channel.url), document, outgoing)


def _json(outgoing: Outgoing, url: str, body: Any) -> Answer:
    text = json.dumps(body, ensure_ascii=False).encode()
    return outgoing.post(url, text, {"Content-Type": "application/json; charset=utf-8"})


class _Smtp(smtplib.SMTP):
    outgoing: Outgoing

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        return self.outgoing.connect(host, port, timeout)


class _SmtpTls(smtplib.SMTP_SSL):
    outgoing: Outgoing

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        plain = self.outgoing.connect(host, port, timeout)
        return self.context.wrap_socket(plain, server_hostname=host)


def _email(
    channel: routing.Email, document: Mapping[str, Any], outgoing: Outgoing, password: str
) -> Result:
    context = ssl.create_default_context()
    message = forms.email(document, channel.from_, list(channel.to))
    server: _SmtpTls | _Smtp
    if channel.tls == "tls":
        server = _SmtpTls(timeout=READ_S, context=context)
    else:
        server = _Smtp(timeout=READ_S)
    server.outgoing = outgoing
    # What TLS checks the certificate against: without a host in the constructor nobody sets it.
    vars(server)["_host"] = channel.host
    try:
        server.connect(channel.host, channel.port)
        if channel.tls == "starttls":
            server.starttls(context=context)
        if channel.user:
            server.login(channel.user, password)
        refused = server.send_message(message)
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return Result(
            False,
            error.smtp_code < 500,
            reason=f"The mail server said {error.smtp_code}: {text[:300]}",
        )
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return Result(
            False,
            min(codes, default=500) < 500,
            reason="The mail server takes mail for none of the addresses.",
        )
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(f"The mail server gave no answer: {error}.") from error
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.close()
    return Result(True, reason=f"Not taken: {', '.join(refused)}" if refused else "250")


def _apprise(url: str, document: Mapping[str, Any], outgoing: Outgoing) -> Result:
    try:
        import apprise
    except ImportError as error:
        raise StoreError("This needs apprise: pip install 'spanglass[alerts]'.") from error
    # An operator's variables and files are not for a URL to read.
    plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if plugin is None:
        raise Refused("apprise knows no such address. See its list of services.")
    host = getattr(plugin, "host", None)
    if isinstance(host, str) and "." in host + ".":
        outgoing.resolve(host, getattr(plugin, "port", None) or 443)
    kinds = {"critical": "failure", "error": "failure", "warning": "warning"}
    kind = "success" if document["event"] == "resolved" else kinds.get(document["severity"], "info")
    plugin.redirects = False
    done = plugin.notify(body=forms.plain(document), title=document["title"], notify_type=kind)
    return Result(bool(done), not done, reason="" if done else "apprise could not deliver it.")
