"""Somebody who listens to a spoken code and writes down its digits.

Knows the recordings, and nothing of how a code is put together: it looks for stretches of sound
between silences, and for each the digit whose course of loudness and timbre is nearest.
"""

from __future__ import annotations

import io
import math
import wave
from functools import cache

from whitelist.pages.spoken import voice

BLOCK = 110  # samples: a hundredth of a second
PAUSE = 20  # blocks: no digit is silent for so long within itself
MARGIN = 5  # blocks: a digit's quiet beginning and end
LAGS = (
    1,
    2,
    3,
    5,
    7,
    9,
    12,
    15,
)  # samples; how alike a sound is to itself so much later is its timbre

Course = list[tuple[float, ...]]


def heard(file: bytes, language: str) -> str:
    return "".join(digit_of(stretch, language) for stretch in stretches(samples_of(file)))


def samples_of(file: bytes) -> list[int]:
    with wave.open(io.BytesIO(file)) as sound:
        return [byte - 128 for byte in sound.readframes(sound.getnframes())]


def loudness(block: list[int]) -> float:
    return math.sqrt(sum(sample * sample for sample in block) / len(block))


def stretches(samples: list[int]) -> list[list[int]]:
    """What sounds between two silences; the first block is silence, so it tells the noise."""
    blocks = [samples[place : place + BLOCK] for place in range(0, len(samples) - BLOCK, BLOCK)]
    levels = [loudness(block) for block in blocks]
    threshold = 2 * max(levels[:10])
    loud = [place for place, level in enumerate(levels) if level > threshold]
    starts = [
        now for before, now in zip([-PAUSE, *loud], loud, strict=False) if now - before >= PAUSE
    ]
    ends = [
        now
        for now, after in zip(loud, [*loud[1:], loud[-1] + PAUSE], strict=True)
        if after - now >= PAUSE
    ]
    return [
        samples[max(0, start - MARGIN) * BLOCK : (end + 1 + MARGIN) * BLOCK]
        for start, end in zip(starts, ends, strict=True)
    ]


def course(samples: list[int]) -> Course:
    """Loudness (of the loudest block) and timbre, block by block."""
    blocks = [samples[place : place + BLOCK] for place in range(0, len(samples) - BLOCK, BLOCK)]
    loudest = max(map(loudness, blocks))
    return [(loudness(block) / loudest, *timbre(block)) for block in blocks]


def timbre(block: list[int]) -> list[float]:
    power = sum(sample * sample for sample in block) + 1
    return [
        sum(one * other for one, other in zip(block, block[lag:], strict=False)) / power
        for lag in LAGS
    ]


def difference(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Timbre counts where there is sound."""
    sound = min(one[0], other[0])
    return (one[0] - other[0]) ** 2 + sound * sum(
        (a - b) ** 2 for a, b in zip(one[1:], other[1:], strict=True)
    )


def distance(one: Course, other: Course) -> float:
    """How far apart two courses are where each is stretched to fit the other."""
    row = [0.0, *[math.inf] * len(other)]
    for block in one:
        before, row = row, [math.inf]
        for place, known_block in enumerate(other):
            nearest = min(before[place], before[place + 1], row[place])
            row.append(nearest + difference(block, known_block))
    return row[-1] / (len(one) + len(other))


@cache
def known(language: str) -> dict[str, Course]:
    _rate, recordings = voice(language)
    quiet = [1, -1, 0] * 500
    return {
        digit: course(stretches([*quiet, *samples, *quiet])[0])
        for digit, samples in recordings.items()
    }


def digit_of(stretch: list[int], language: str) -> str:
    found = course(stretch)
    return min(known(language), key=lambda digit: distance(found, known(language)[digit]))
