"""Images and audio, as OpenAI's API has them: what was asked, and media by size and hash."""

from __future__ import annotations

from typing import Any, ClassVar

from spanglass._generation import Generation
from spanglass._parts import media_part
from spanglass._pieces import size_of
from spanglass.clients import _usage
from spanglass.clients._exchange import Exchange
from spanglass.clients._files import sent_files
from spanglass.clients._values import get, items, text


class Images(Exchange):
    """Pictures that are made, edited or varied."""

    operation: ClassVar[str] = "generate_content"
    prompt: ClassVar[tuple[str, ...]] = ("prompt",)
    generates: ClassVar[bool] = False

    def content(self) -> dict[str, Any]:
        parts = sent_files(self.body, "image")
        prompt = text(self.body, "prompt")
        if prompt:
            parts.append({"type": "text", "content": prompt})
        return {"messages": {"role": "user", "parts": parts} if parts else None}

    def more(self) -> dict[str, Any]:
        about = {name: text(self.body, name) for name in ("size", "quality", "style")}
        named = {f"gen_ai.request.{name}": value or None for name, value in about.items()}
        return {"output_type": "image", "response_format": None, **named}

    def whole(self, call: Generation, answer: Any) -> None:
        found = items(answer, "data")
        if not found and (get(answer, "b64_json") or get(answer, "url")):
            found = [answer]  # the last event of a stream
        form = text(answer, "output_format")
        self._record_usage(call, answer)
        parts = [_picture(each, form) for each in found]
        if parts:
            self.finished = True
            call.output([{"role": "assistant", "parts": parts}])

    def piece(self, call: Generation, piece: Any) -> None:
        call._arrive(bool(get(piece, "b64_json")))
        if text(piece, "type").endswith(".completed"):
            self.whole(call, piece)

    def estimate(self, call: Generation) -> None:
        """Nothing: pictures are not paid for by the length of their description."""

    def _record_usage(self, call: Generation, answer: Any) -> None:
        self.counted = _usage.record_openai(call, get(answer, "usage"))


class Speech(Exchange):
    """A text that is spoken."""

    operation: ClassVar[str] = "generate_content"
    prompt: ClassVar[tuple[str, ...]] = ("input", "instructions")
    generates: ClassVar[bool] = False

    def content(self) -> dict[str, Any]:
        return {"messages": self.body.get("input"), "system": self.body.get("instructions")}

    def more(self) -> dict[str, Any]:
        form = text(self.body, "response_format")
        return {
            "output_type": "speech",
            "response_format": None,
            "gen_ai.request.voice": text(self.body, "voice") or None,
            "gen_ai.request.audio_format": form or None,
        }

    def whole(self, call: Generation, answer: Any) -> None:
        self.finished = True
        sound = answer if isinstance(answer, bytes) else _bytes_of(answer)
        if sound is not None:
            call.output([{"role": "assistant", "parts": [media_part("audio", "", sound)]}])

    def estimate(self, call: Generation) -> None:
        """Nothing: speech is paid for by letters or by time."""


class Transcription(Exchange):
    """Speech that becomes text, in its own language or in English."""

    operation: ClassVar[str] = "generate_content"
    prompt: ClassVar[tuple[str, ...]] = ("prompt",)

    def content(self) -> dict[str, Any]:
        parts = sent_files(self.body, "audio")
        prompt = text(self.body, "prompt")
        if prompt:
            parts.append({"type": "text", "content": prompt})
        return {"messages": {"role": "user", "parts": parts} if parts else None}

    def more(self) -> dict[str, Any]:
        return {
            "output_type": "text",
            "response_format": None,
            "gen_ai.request.language": text(self.body, "language") or None,
        }

    def whole(self, call: Generation, answer: Any) -> None:
        said = answer if isinstance(answer, str) else text(answer, "text")
        self.finished = True
        self.heard = size_of(said)
        usage = get(answer, "usage") if not isinstance(answer, str) else None
        self.counted = _usage.record_openai(call, usage)
        seconds = get(usage, "seconds") or get(answer, "duration")
        if isinstance(seconds, int | float):
            call.set({"spanglass.audio.duration": float(seconds)})
        call.output(said)

    def piece(self, call: Generation, piece: Any) -> None:
        said = text(piece, "delta")
        call.chunk(said)
        self.heard += size_of(said)
        if text(piece, "type") == "transcript.text.done":
            self.whole(call, piece)

    def estimate(self, call: Generation) -> None:
        """Nothing: sound is paid for by time."""


def _picture(value: Any, form: str) -> dict[str, Any]:
    url = text(value, "url")
    if url:
        return {"type": "uri", "modality": "image", "uri": url}
    return media_part("image", f"image/{form or 'png'}", get(value, "b64_json") or "")


def _bytes_of(answer: Any) -> bytes | None:
    """The content of a binary answer, where it is in memory already."""
    response = get(answer, "response")
    content = response.__dict__.get("_content") if hasattr(response, "__dict__") else None
    return content if isinstance(content, bytes) else None
