"""No NUL character reaches a view, or the database.

No browser sends one. PostgreSQL stores none in text and ends such a query with an error, so
each filter, key and name that comes from outside would have to look for it by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, UnreadablePostError

NUL = "\0"
# A ticket is judged whole by its own parser, which has a code for whatever is none.
TICKETS = "/portal/enter"

View = Callable[[HttpRequest], HttpResponse]


class RefuseNulMiddleware:
    """400 for a NUL in the path, the query, a form's fields or a cookie.

    Stands before the session's middleware: the session's key is such a cookie.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if any(NUL in text for text in texts_of(request)):
            # In plain text: a page would ask the session who is signed in.
            return HttpResponseBadRequest(
                "The request holds a NUL character.\n", content_type="text/plain; charset=utf-8"
            )
        return self.get_response(request)


def texts_of(request: HttpRequest) -> Iterator[str]:
    """Raises what Django answers with 400 where there are too many fields, or too large ones."""
    yield request.path
    for name, value in request.COOKIES.items():
        yield name
        yield value
    if request.path_info == TICKETS:
        return
    for fields in ("GET", "POST"):
        try:
            lists = getattr(request, fields).lists()
        except UnreadablePostError:
            continue  # the client has gone
        for name, values in lists:
            yield name
            yield from values
