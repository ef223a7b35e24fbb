"""What each kind of receiver takes.

Sources: Slack, "Block Kit" (50 blocks; header 150, section 3,000 characters); PagerDuty, "Events
API v2" (summary 1,024, dedup_key 255 characters, an event 512 KiB).
"""

import hashlib
import hmac
import html
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Final

from spanglass_alerts.notify.words import changes, explained, number, sparkline
from spanglass_store.errors import StoreError

#: Alerts that a Slack message shows, two blocks each.
_SLACK_ALERTS: Final = 8
_EMOJI: Final = {"critical": "🔴", "error": "🟠", "warning": "🟡", "info": "🔵"}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _mrkdwn(text: str) -> str:
    # Slack obeys these three: `<!channel>` in somebody's attribute would wake everybody.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack(document: Mapping[str, Any]) -> dict[str, Any]:
    """A message of blocks for an incoming webhook.

    Raises:
        StoreError: if slack-sdk is not installed.
    """
    try:
        from slack_sdk.models.blocks import (
            ActionsBlock,
            ButtonElement,
            ContextBlock,
            HeaderBlock,
            MarkdownTextObject,
            SectionBlock,
        )
    except ImportError as error:
        raise StoreError("Slack needs slack-sdk: pip install 'spanglass[alerts]'.") from error
    event = document["event"]
    mark = (
        "✅"
        if event == "resolved"
        else "👀"
        if event == "acknowledged"
        else _EMOJI.get(document["severity"], "")
    )
    blocks: list[Any] = [HeaderBlock(text=_cut(f"{mark} {document['title']}", 150))]
    for alert in document["alerts"][:_SLACK_ALERTS]:
        lines = [f"*{_mrkdwn(_cut(alert['summary'], 500))}*"]
        lines += [
            f"`{_mrkdwn(_cut(k, 60))}={_mrkdwn(_cut(v, 100))}`"
            for k, v in list(alert["labels"].items())[:12]
        ]
        evidence = alert["evidence"]
        about = [*explained(evidence)[:3], *changes(evidence)[:2]]
        lines += [f"{_mrkdwn(_cut(each, 200))}" for each in about]
        text = _cut(
            "\n".join(
                [
                    lines[0],
                    " ".join(lines[1 : 1 + len(alert["labels"])][:12]),
                    *lines[1 + len(alert["labels"]) :],
                ]
            ),
            2900,
        )
        blocks.append(SectionBlock(text=MarkdownTextObject(text=text)))
        facts = [f"{number(alert['value'])} · bound {number(alert['threshold'])}"]
        if line := sparkline(evidence.get("series", ())):
            facts.append(line)
        if alert["acknowledged_by"]:
            facts.append(f"taken by {_mrkdwn(_cut(alert['acknowledged_by'], 80))}")
        links = [
            f"<{each['link']}|{each['trace_id'][:8]}>" if each.get("link") else each["trace_id"][:8]
            for each in evidence.get("traces", ())[:5]
        ]
        if links:
            facts.append("traces " + " ".join(links))
        blocks.append(
            ContextBlock(elements=[MarkdownTextObject(text=_cut(" | ".join(facts), 1900))])
        )
    rest = document["firing"] - len(document["alerts"][:_SLACK_ALERTS])
    if rest > 0:
        blocks.append(ContextBlock(elements=[MarkdownTextObject(text=f"and {rest:,} more")]))
    if document["resolved"]:
        blocks.append(
            ContextBlock(elements=[MarkdownTextObject(text=f"{document['resolved']:,} resolved")])
        )
    if document["link"]:
        blocks.append(
            ActionsBlock(
                elements=[
                    ButtonElement(text="Open", url=_cut(document["link"], 3000), action_id="open")
                ]
            )
        )
    return {
        "text": _mrkdwn(_cut(document["title"], 2000)),
        "blocks": [each.to_dict() for each in blocks],
    }


_SEVERITIES: Final = ("critical", "error", "warning", "info")


def pagerduty(document: Mapping[str, Any], routing_key: str) -> dict[str, Any]:
    """An event of PagerDuty's Events API v2."""
    action = {"firing": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action[document["event"]],
        "dedup_key": f"spanglass-{document['group']}"[:255],
    }
    if document["event"] != "firing":
        return event
    first = document["alerts"][0] if document["alerts"] else {}
    labels = first.get("labels", {})
    severity = document["severity"] if document["severity"] in _SEVERITIES else "warning"
    traces = [each["trace_id"] for each in first.get("evidence", {}).get("traces", ())]
    event |= {
        "client": "Spanglass",
        "payload": {
            "summary": _cut(document["title"], 1024),
            "source": _cut(labels.get("host") or labels.get("service") or "spanglass", 255),
            "severity": severity,
            "timestamp": datetime.fromtimestamp(
                first.get("fired_at") or document["at"], UTC
            ).isoformat(),
            "class": _cut(str(first.get("rule", "")), 255),
            "group": _cut(",".join(document["group_labels"].values()), 255),
            "custom_details": {
                "firing": document["firing"],
                "value": first.get("value"),
                "threshold": first.get("threshold"),
                "labels": labels,
                "explained": explained(first.get("evidence", {})),
                "changes": changes(first.get("evidence", {})),
                "traces": traces,
                "playbook": first.get("playbook", ""),
            },
        },
    }
    if document["link"]:
        event |= {"client_url": document["link"]}
        event["links"] = [
            {"href": first.get("link") or document["link"], "text": "Open in Spanglass"}
        ]
    return event


def pagerduty_change(document: Mapping[str, Any], routing_key: str) -> dict[str, Any]:
    """A change event of PagerDuty's Events API v2: it tells nobody, and stands beside incidents.

    Source: PagerDuty, "Send a Change Event": `summary` of 1,024 characters at most, of what else
    there is only `links`.
    """
    change = document["change"]
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "payload": {
            "summary": _cut(document["title"], 1024),
            "source": _cut(change.get("service") or "spanglass", 255),
            "timestamp": datetime.fromtimestamp(change["at"], UTC).isoformat(),
            "custom_details": {k: v for k, v in change.items() if k != "at"},
        },
    }
    if document["link"]:
        event["links"] = [{"href": document["link"], "text": "Open in Spanglass"}]
    return event


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """`t=…,v1=…`: HMAC-SHA256 over the time, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={digest.hexdigest()}"


#: What of a message concerns nobody else.
_OURS: Final = frozenset({"row", "attempts", "due_at", "channel"})


def webhook(document: Mapping[str, Any]) -> bytes:
    """The message as it is, as JSON."""
    return json.dumps(
        {k: v for k, v in document.items() if k not in _OURS},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def plain(document: Mapping[str, Any]) -> str:
    """The message as lines of text."""
    lines = [document["title"], ""]
    for alert in document["alerts"]:
        evidence = alert["evidence"]
        lines.append(f"[{alert['severity']}] {alert['summary']}")
        lines.append(f"  value {number(alert['value'])}, bound {number(alert['threshold'])}")
        lines += [f"  {name}: {value}" for name, value in alert["labels"].items()]
        if line := sparkline(evidence.get("series", ())):
            lines.append(f"  {line}")
        lines += [f"  {each}" for each in (*explained(evidence), *changes(evidence))]
        lines += [
            f"  trace {each['trace_id']} {each.get('link', '')}".rstrip()
            for each in evidence.get("traces", ())
        ]
        if alert["playbook"]:
            lines.append(f"  playbook: {alert['playbook']}")
        lines.append("")
    rest = document["firing"] - len(document["alerts"])
    if rest > 0:
        lines.append(f"and {rest:,} more")
    if document["resolved"]:
        lines.append(f"{document['resolved']:,} resolved")
    if document["link"]:
        lines.append(document["link"])
    return "\n".join(lines).strip() + "\n"


def email(document: Mapping[str, Any], sender: str, to: list[str]) -> EmailMessage:
    """The message as an e-mail; those about one group are one conversation."""
    message = EmailMessage()
    domain = sender.rpartition("@")[2]
    message["Subject"] = " ".join(
        _cut(f"[{document['severity']}] {document['title']}", 200).split()
    )
    message["From"], message["To"] = sender, ", ".join(to)
    message["Date"] = datetime.fromtimestamp(document["at"], UTC)
    message["Message-ID"] = (
        f"<{document['group']}.{document['number']}.{int(document['at'])}@{domain}>"
    )
    message["References"] = f"<{document['group']}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    text = plain(document)
    message.set_content(text)
    message.add_alternative(f"<pre>{html.escape(text)}</pre>", subtype="html")
    return message
