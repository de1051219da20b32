"""The formats by the words that the agent's configuration has for them."""

from __future__ import annotations

from relay_agent.formats.kinds import Format, Lines, plain, sendmail_lines
from relay_agent.formats.nftables import Nftables

FORMATS: dict[str, Format] = {
    known.name: known
    for known in (
        Lines("rspamd", plain),
        Lines("exim", plain),
        Lines("sendmail", sendmail_lines),
        Nftables(),
    )
}


def find_format(word: str) -> Format:
    """A format by name; `nftables:FAMILY:TABLE:SET` says where its sets are.

    Raises ValueError, with what is wrong, for anything else.
    """
    name, colon, place = word.partition(":")
    if not colon and name in FORMATS:
        return FORMATS[name]
    parts = place.split(":")
    if name == "nftables" and len(parts) == 3:
        return Nftables(*parts)
    raise ValueError(
        f"unknown format {word!r}; known are {', '.join(FORMATS)}, nftables:FAMILY:TABLE:SET"
    )
