"""A body in pieces: Safari plays no sound from a server that cannot give it one."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse

# One range; whoever asks for several gets the whole, which is always right.
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
PARTIAL, NOT_SATISFIABLE = 206, 416


def in_range(request: HttpRequest, body: bytes, content_type: str) -> HttpResponse:
    """The body, or the part of it that `Range` asks for (RFC 9110, 14)."""
    asked = RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or not any(asked.groups()):
        part, status, headers = body, 200, {}
    else:
        first, last = bounds(*asked.groups(), size=len(body))
        if first >= len(body):
            part, status = b"", NOT_SATISFIABLE
            headers = {"Content-Range": f"bytes */{len(body)}"}
        elif last < first:
            part, status, headers = body, 200, {}
        else:
            part, status = body[first : last + 1], PARTIAL
            headers = {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
    headers |= {"Accept-Ranges": "bytes", "Content-Length": str(len(part))}
    return HttpResponse(part, content_type=content_type, status=status, headers=headers)


def bounds(first: str, last: str, *, size: int) -> tuple[int, int]:
    """The first and last byte that are meant: `-500` is the last 500, `500-` from there on."""
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size)
    return int(first), min(int(last), size - 1) if last else size - 1
