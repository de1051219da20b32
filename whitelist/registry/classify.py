"""What kind of name is this? Pure: a name and an address in, a verdict out."""

from __future__ import annotations

import re

from whitelist.addresses import IPAddress


def is_generated(name: str, address: IPAddress) -> bool:
    """Whether the name was made from the address by a machine, and so registers nobody."""
    first_label = name.split(".", 1)[0]
    if address.version == 4:
        numbers = [int(number) for number in re.findall(r"\d+", first_label)]
        octets = [int(part) for part in str(address).split(".")]
        return any(numbers[i : i + 2] == octets[2:] for i in range(len(numbers)))
    return False
