"""The handlers of images and audio: real files with next to nothing on them."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from email.parser import BytesParser
from email.policy import HTTP

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import fields, tokens
from .errors import missing
from .routes import service_of
from .service import Service

_CREATED = 1_767_225_600
_RATE_HZ = 8_000
#: Seconds that a token takes to say.
_TOKEN_S = 0.05


async def create_image(request: Request) -> Response:
    """Paint pictures: one pixel each, in a colour that the prompt decides."""
    service = service_of(request)
    body = await service.read(request)
    await service.fault(request, fields.optional_text(body, "model", ""))
    prompt = fields.text(body, "prompt")
    return _pictures(service, prompt, fields.whole(body, "n", 1, 10) or 1)


async def edit_image(request: Request) -> Response:
    """Paint a picture anew: one pixel, in a colour that the prompt decides."""
    service = service_of(request)
    form = await _form(request)
    await service.fault(request, form.get("model", b"").decode())
    if not form.keys() & {"image", "image[]"}:
        raise missing("image")
    if "prompt" not in form:
        raise missing("prompt")
    return _pictures(service, form["prompt"].decode(), 1)


def _pictures(service: Service, prompt: str, count: int) -> Response:
    colours = [zlib.crc32(f"{service.settings.seed} {n} {prompt}".encode()) for n in range(count)]
    read = tokens.count(prompt)
    return JSONResponse(
        {
            "created": _CREATED,
            "data": [{"b64_json": base64.b64encode(_png(c)).decode()} for c in colours],
            "output_format": "png",
            "usage": {
                "input_tokens": read,
                "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
                "output_tokens": 64 * count,
                "total_tokens": read + 64 * count,
            },
        }
    )


async def create_speech(request: Request) -> Response:
    """Say a text: as long as it would take, in silence."""
    service = service_of(request)
    body = await service.read(request)
    await service.fault(request, fields.optional_text(body, "model", ""))
    fields.text(body, "voice")
    seconds = tokens.count(fields.text(body, "input")) * _TOKEN_S
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(_RATE_HZ)
        file.writeframes(b"\x80" * int(seconds * _RATE_HZ))
    return Response(sound.getvalue(), media_type="audio/wav")


async def create_transcription(request: Request) -> Response:
    """Write down what a file says: always the same."""
    service = service_of(request)
    form = await _form(request)
    sound = form.get("file")
    if sound is None:
        raise missing("file")
    await service.fault(request, form.get("model", b"").decode())
    seconds = max(1, len(sound) // _RATE_HZ)
    said = "Where is my order?"
    return JSONResponse({"text": said, "usage": {"type": "duration", "seconds": seconds}})


async def _form(request: Request) -> dict[str, bytes]:
    """Return the fields of a form; of several of one name the last."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    form = BytesParser(policy=HTTP).parsebytes(head + await request.body())
    named = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in form.iter_parts()
    }
    return {str(name): each for name, each in named.items() if isinstance(each, bytes)}


def _png(colour: int) -> bytes:
    """Return a picture of one pixel; the lowest 24 bits are its colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data)
        )  # fmt: skip

    pixel = zlib.compress(b"\0" + (colour & 0xFFFFFF).to_bytes(3, "big"))
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
    )
