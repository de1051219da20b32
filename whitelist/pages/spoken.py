"""The verification code as a sound: digits spoken one by one, over light noise.

Pure: the same digits, language and seed give the same bytes. What is spoken are recordings,
see `bin/record_digits.py`; how fast, how high and how loud differs with each seed.
"""

from __future__ import annotations

import io
import random
import wave
from array import array
from functools import cache
from pathlib import Path

VOICES = Path(__file__).resolve().parent / "voices"
LANGUAGES = ("zh", "en")
DIGITS = "23456789"

# Seconds. Long enough to type a digit in, short enough that a code takes some five seconds.
LEAD, PAUSE = 0.25, (0.40, 0.55)
# Factors. Faster is higher, too: beyond a tenth Mandarin tones would begin to mislead.
PACE, PACE_OF_DIGIT = (0.93, 1.07), (0.97, 1.03)
LOUDNESS = (0.8, 1.0)
# Of 127: a digit's own loudness is about 20. Dull noise, that leaves s and f alone.
NOISE = (2.5, 4.5)
SILENT = 128  # in unsigned bytes


def spoken(digits: str, language: str, seed: bytes) -> bytes:
    """A WAV file: mono, 8 bits, at the recordings' rate; some 55 kB for five digits."""
    rate, recordings = voice(language)
    chance = random.Random(seed)  # noqa: S311  variety; the secret is in the seed, if anywhere
    pace = chance.uniform(*PACE)
    sound = array("f", bytes(4 * int(LEAD * rate)))
    for place, digit in enumerate(digits):
        if place:
            sound.extend(bytes(int(chance.uniform(*PAUSE) * rate)))
        sound.extend(
            at_pace(
                recordings[digit],
                pace * chance.uniform(*PACE_OF_DIGIT),
                chance.uniform(*LOUDNESS),
            )
        )
    sound.extend(bytes(int(LEAD * rate)))
    return wav(with_noise(sound, chance), rate)


@cache
def voice(language: str) -> tuple[int, dict[str, array[int]]]:
    """The rate, and each digit's samples around 0, without the silence behind them."""
    with wave.open(str(VOICES / f"{language}.wav"), "rb") as recorded:
        rate, frames = recorded.getframerate(), recorded.readframes(recorded.getnframes())
    slot = len(frames) // len(DIGITS)
    return rate, {
        digit: array(
            "b", (byte - SILENT for byte in frames[place : place + slot].rstrip(bytes([SILENT])))
        )
        for digit, place in zip(DIGITS, range(0, len(frames), slot), strict=True)
    }


def at_pace(samples: array[int], pace: float, loudness: float) -> list[float]:
    """Played that much faster, between the samples by straight lines."""
    places = (number * pace for number in range(int((len(samples) - 1) / pace)))
    return [
        loudness * (samples[left] + (place - left) * (samples[left + 1] - samples[left]))
        for place in places
        for left in (int(place),)
    ]


def with_noise(sound: array[float], chance: random.Random) -> bytes:
    level = chance.uniform(*NOISE)
    noise = [level * (byte / 127.5 - 1) for byte in range(256)]
    hiss = chance.randbytes(len(sound) + 1)
    return bytes(
        min(255, max(0, int(SILENT + 0.5 + sample + noise[byte] + noise[before])))
        for sample, before, byte in zip(sound, hiss, hiss[1:], strict=False)
    )


def wav(frames: bytes, rate: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(frames)
    return out.getvalue()
