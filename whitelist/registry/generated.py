"""Was this name made from its address by a machine? Then it registers nobody. Pure.

The policy. A name is generated where it repeats the address: both its last octets (the third
and the fourth), or more of them, side by side in any common spelling: joined by `-`, `.`, `_`
or `x`, in any order, zero padded, run together, in hexadecimal, as one decimal number; in IPv6
likewise groups, nibbles, the interface's half, and the MAC address in it. Four numbers that
look like any IPv4 address make a name generated as well.

A last octet alone is how people number machines (`lab154` for 140.114.64.154) and makes a
name, unless a word beside it says that a pool numbers them (`dhcp-154`, `ip-154`). Letters
behind the last number (`pc64-12b`) or between two numbers (`r64n12`) make a name.
"""

from __future__ import annotations

import ipaddress
import re
from itertools import pairwise

from whitelist.addresses import IPAddress

# Words by which pools name their addresses. Servers of a pool are called so too (dhcp1), so
# the number beside the word must be the address's, and a single digit must stand apart.
POOL_WORDS = frozenset(
    {"addr", "address", "adsl", "dhcp", "dial", "dialin", "dialup", "dsl", "dyn", "dynamic"}
    | {"dynip", "ip", "pool", "ppp", "pppoe", "unassigned", "unknown", "unused", "vdsl"}
)
SEPARATORS = re.compile(r"[-._]+|(?<=[0-9])x(?=[0-9])", re.ASCII)
LETTERS_THEN_NUMBER = re.compile(r"([a-z]*)0*([0-9]+)", re.ASCII)
LETTERS = re.compile(r"[a-z]*", re.ASCII)
DIGITS = re.compile(r"[0-9]+", re.ASCII)
OCTET = r"0{0,2}(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
FOUR_OCTETS = re.compile(rf"(?<![0-9])(?:{OCTET}[-._x]){{3}}{OCTET}(?![0-9])", re.ASCII)
FEWEST_DIGITS = 4
EUI_64_MARK = "fffe"


def is_generated(name: str, address: IPAddress) -> bool:
    """Whether a name (lower case, no final dot) was made from an address, most often its own."""
    if FOUR_OCTETS.search(name):
        return True
    words = SEPARATORS.split(name)
    if isinstance(address, ipaddress.IPv4Address):
        return repeats_ipv4(name, words, address)
    return repeats_ipv6(words, address)


def repeats_ipv4(name: str, words: list[str], address: ipaddress.IPv4Address) -> bool:
    octets = [str(octet) for octet in address.packed]
    digits = [f"{octet:02x}" for octet in address.packed]
    return (
        last_two_in_a_row(words, octets)
        or octets_in_a_row(words, octets)
        or octets_run_together(name, octets, str(int(address)))
        or whole_in_hexadecimal(words, digits)
        or last_two_in_hexadecimal(words, digits[2:])
        or numbered_by_pool(words, {octets[3], digits[3].lstrip("0")})
    )


def last_two_in_a_row(words: list[str], octets: list[str]) -> bool:
    """The third and fourth octet side by side, in either order; letters may stand before them."""
    wanted = (octets[2:], octets[:1:-1])
    return any(
        second.isdigit() and [number(first), number(second)] in wanted
        for first, second in pairwise(words)
    )


def octets_in_a_row(words: list[str], octets: list[str]) -> bool:
    """The last three octets, or all four, in any order, each perhaps with letters before it."""
    numbers = [number(word) for word in words]
    return any(
        sorted(numbers[start : start + size]) == sorted(octets[-size:])
        for size in (3, 4)
        for start in range(len(numbers) - size + 1)
    )


def number(word: str) -> str:
    """The number that ends the word, without leading zeros; empty where it is not just that."""
    match = LETTERS_THEN_NUMBER.fullmatch(word)
    return match[2] if match else ""


def octets_run_together(name: str, octets: list[str], decimal: str) -> bool:
    """A run of digits that is the address, or its last octets, with nothing between.

    Runs of fewer than four digits are how people number rooms.
    """
    made = {decimal}
    for size in (2, 3, 4):
        for some in (octets[-size:], octets[-size:][::-1]):
            made |= {"".join(some), "".join(octet.zfill(3) for octet in some)}
    return any(len(run) >= FEWEST_DIGITS and run in made for run in DIGITS.findall(name))


def whole_in_hexadecimal(words: list[str], digits: list[str]) -> bool:
    """All eight hexadecimal digits, run together or not, forwards or backwards."""
    text = "".join(words)
    return "".join(digits) in text or "".join(reversed(digits)) in text


def last_two_in_hexadecimal(words: list[str], digits: list[str]) -> bool:
    """The last two octets as four hexadecimal digits, or as two pairs side by side.

    A letter and a digit must be among them: else they are a number, or perhaps a word.
    """
    if "".join(digits).isdigit() or "".join(digits).isalpha():
        return False
    orders = (digits, digits[::-1])
    together = {"".join(order) for order in orders}
    if any(word[-4:] in together and not DIGITS.search(word[:-4]) for word in words):
        return True
    return any(
        [first[-2:], second] in orders and not DIGITS.search(first[:-2])
        for first, second in pairwise(words)
    )


def numbered_by_pool(words: list[str], last: set[str]) -> bool:
    """A word of a pool, and the address's last part: apart, or of two digits behind letters.

    A last part of letters alone (`ee`) is no number: labels of domains look like that.
    """
    last = {part for part in last if DIGITS.search(part)}
    if POOL_WORDS.isdisjoint(LETTERS.match(word)[0] for word in words):  # type: ignore[index]
        return False
    return any(
        word.lstrip("0") in last or (len(number(word)) > 1 and number(word) in last)
        for word in words
    )


def repeats_ipv6(words: list[str], address: ipaddress.IPv6Address) -> bool:
    digits = address.packed.hex()
    groups = [f"{int(digits[start : start + 4], 16):x}" for start in range(0, 32, 4)]
    return (
        digits_run_together(words, digits)
        or groups_in_a_row(words, groups, address)
        or numbered_by_pool(words, {groups[7]})
    )


def digits_run_together(words: list[str], digits: str) -> bool:
    """The nibbles of an IPv6 address, of its interface half, or the MAC address in that half."""
    text = "".join(words)
    made = [digits, digits[::-1], digits[16:]]
    if digits[22:26] == EUI_64_MARK:
        # RFC 4291, appendix A: the MAC address with the second lowest bit of an octet turned
        made.append(f"{int(digits[16:18], 16) ^ 2:02x}{digits[18:22]}{digits[26:]}")
    if int(digits[24:28], 16):
        made.append(digits[24:])
    return any(run in text for run in made)


def groups_in_a_row(words: list[str], groups: list[str], address: ipaddress.IPv6Address) -> bool:
    """Groups as they are written: all, those that `::` leaves, the last four; or two of them.

    The two are the last ones, or subnet and host where noughts lie between: what the last two
    octets are in IPv4.
    """
    spelled = [group for group in str(address).split(":") if group]
    nearest = groups[6] if groups[6] != "0" else groups[3]
    rows = [groups[-4:]]
    if len(spelled) > 2:
        rows.append(spelled)
    if nearest != "0" and DIGITS.search(nearest + groups[7]):
        rows += [[nearest, groups[7]], [groups[7], nearest]]
    written = [word.lstrip("0") or "0" for word in words]
    return any(
        written[start + 1 : start + len(row)] == row[1:] and ends_in_group(words[start], row[0])
        for row in rows
        for start in range(len(words) - len(row) + 1)
    )


def ends_in_group(word: str, group: str) -> bool:
    """Whether the word is the group, perhaps zero padded, or a word of letters before it."""
    rest = word.removesuffix(group)
    return rest != word and not rest.rstrip("0").isdigit() and not DIGITS.search(rest.rstrip("0"))
