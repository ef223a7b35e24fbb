"""Slack by the token of a bot: one message for a group, kept up to date, with a thread below it.

Source: Slack, "Web API": chat.postMessage, chat.update, and the upload of files in three steps
(files.getUploadURLExternal, the upload, files.completeUploadExternal). The bot needs the scopes
chat:write and files:write, and has to be a member of the channel.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from spanglass_alerts.delivery import forms
from spanglass_alerts.delivery.outgoing import Answer, Outgoing
from spanglass_alerts.delivery.result import Result, judged, wait_of
from spanglass_alerts.rules import routing
from spanglass_store.errors import StoreError

#: The message that is to be changed is no more, or can't be changed: another one is made.
_LOST: Final = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
)
#: What another try does not mend: the message itself is wrong. The rest people can put right, in
#: Slack or in the file with the token, while it waits.
_FOR_GOOD: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "no_text", "invalid_arguments"}
)


class Memory(Protocol):
    """Where it is kept which message is a group's."""

    def document(self, kind: str, name: str) -> dict[str, Any] | None: ...

    def put(self, kind: str, name: str, document: Mapping[str, Any] | None) -> bool: ...


class _Failed(StoreError):
    """Slack said no."""

    def __init__(self, method: str, error: str, result: Result) -> None:
        super().__init__(result.reason)
        self.method, self.error, self.result = method, error, result


def deliver(
    channel: routing.Slack,
    document: Mapping[str, Any],
    outgoing: Outgoing,
    token: str,
    memory: Memory | None,
) -> Result:
    """Tells a group's news: begins its message, or changes it and says so below it.

    Args:
        channel: with `channel` and `api`.
        document: the message.
        outgoing: how addresses are reached.
        token: of the bot.
        memory: None where nothing is to be kept, as of a test message.
    """
    api = _Api(channel.api, token, outgoing)
    name = f"{channel.name}/{document['group']}"
    known = memory.document("slack", name) if memory else None
    body = forms.slack(document)
    try:
        if known is not None:
            try:
                _update(api, known, document, body)
            except _Failed as failed:
                if failed.error not in _LOST:
                    raise
                known = None
        if known is None:
            known = _begin(api, channel.channel, body)
            if memory:
                memory.put("slack", name, known | {"at": document["at"]})
            said = _picture(api, known, document) if channel.chart else ""
        else:
            said = ""
    except _Failed as failed:
        return failed.result
    if document["event"] == "resolved" and memory:
        memory.put("slack", name, None)
    return Result(True, reason=f"200{said}")


def _begin(api: "_Api", channel: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = api.call("chat.postMessage", {"channel": channel, "unfurl_links": False, **body})
    return {"channel": str(answer.get("channel", channel)), "ts": str(answer["ts"])}


def _update(
    api: "_Api", known: Mapping[str, Any], document: Mapping[str, Any], body: Mapping[str, Any]
) -> None:
    where = {"channel": known["channel"]}
    api.call("chat.update", where | {"ts": known["ts"]} | dict(body))
    # A change of a message tells nobody; what stands below it does.
    reply = where | {"thread_ts": known["ts"], "text": body["text"], "unfurl_links": False}
    if document["event"] == "resolved":
        reply["reply_broadcast"] = True
    api.call("chat.postMessage", reply)


def _picture(api: "_Api", known: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The chart of the first alert, below its message; what went wrong with it, for the log.

    A picture that can't be shown is no reason to say everything once more.
    """
    # It needs numpy, which a service without bots has no use for here.
    from spanglass_alerts.delivery.chart import chart

    alert = document["alerts"][0] if document["alerts"] else None
    image = chart(alert["evidence"], alert["threshold"]) if alert else b""
    if not image:
        return ""
    try:
        asked = {"filename": "alert.png", "length": str(len(image))}
        place = api.call("files.getUploadURLExternal", asked, is_form=True)
        answer = api.outgoing.post(
            str(place["upload_url"]), image, {"Content-Type": "application/octet-stream"}
        )
        if answer.status != 200:
            return f"; the chart was not taken: {answer.status}"
        files = [{"id": place["file_id"], "title": "How the value went"}]
        api.call(
            "files.completeUploadExternal",
            {"files": files, "channel_id": known["channel"], "thread_ts": known["ts"]},
        )
    except (StoreError, KeyError) as error:
        return f"; the chart was not taken: {error}"
    return ""


class _Api:
    def __init__(self, base: str, token: str, outgoing: Outgoing) -> None:
        self._base = base.rstrip("/")
        self._token = token
        self.outgoing = outgoing

    def call(self, method: str, body: Mapping[str, Any], is_form: bool = False) -> dict[str, Any]:
        """One method of Slack's.

        Raises:
            _Failed: if it did not do it; with what is to become of the message.
        """
        kind = "application/x-www-form-urlencoded" if is_form else "application/json"
        sent = urlencode(body) if is_form else json.dumps(body, ensure_ascii=False)
        headers = {
            "Content-Type": f"{kind}; charset=utf-8", "Authorization": f"Bearer {self._token}",
        }  # fmt: skip
        answer = self.outgoing.post(f"{self._base}/{method}", sent.encode(), headers)
        if answer.status != 200:
            raise _Failed(method, "", judged(answer, True))
        said = _read(answer)
        if said.get("ok") is True:
            return said
        error = str(said.get("error", "an answer that is none"))[:100]
        wait = wait_of(answer.headers.get("retry-after", ""))
        reason = f"Slack refused {method}: {error}.{_HINTS.get(error, '')}"
        raise _Failed(method, error, Result(False, error not in _FOR_GOOD, wait, reason))


_HINTS: Final = {
    "not_in_channel": " Invite the bot: /invite @NAME in the channel.",
    "channel_not_found": " Name the channel by its id, and invite the bot if it is private.",
    "invalid_auth": " The token is wrong.",
    "missing_scope": " The bot needs chat:write and files:write.",
}


def _read(answer: Answer) -> dict[str, Any]:
    read: Callable[[bytes], Any] = json.loads
    try:
        said = read(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
