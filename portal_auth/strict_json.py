"""JSON without the liberties of `json.loads`."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class StrictJsonError(ValueError):
    """The text is not JSON, or says a thing twice."""


def strict_loads(data: bytes) -> Any:
    """Parse UTF-8 JSON; a repeated member, NaN, Infinity and bottomless nesting are errors.

    Raises `StrictJsonError`.
    """
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=unique_members, parse_constant=refuse_constant
        )
    except StrictJsonError:
        raise
    except RecursionError as error:
        raise StrictJsonError("is nested too deeply") from error
    except ValueError as error:
        raise StrictJsonError(f"is not JSON: {error}") from error


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise StrictJsonError(f"has the member {twice!r} twice")
    return members


def refuse_constant(name: str) -> NoReturn:
    raise StrictJsonError(f"holds {name}, which is not JSON")
