"""Record the digits that the verification code is spoken with: `whitelist/pages/voices/*.wav`.

    python bin/record_digits.py

needs Debian's espeak-ng, which the service itself does not. A recording holds the digits 2 to 9
in slots of equal length, mono, 8 bits, 11,025 Hz; `whitelist.pages.spoken` reads it.
"""

from __future__ import annotations

import io
import math
import subprocess
import sys
import wave
from array import array
from itertools import pairwise
from pathlib import Path

VOICES = Path(__file__).resolve().parent.parent / "whitelist" / "pages" / "voices"
RATE = 11_025  # half of what espeak-ng speaks at; above it lies nothing that tells digits apart
PITCH = "45"  # of 99
# Voice, words a minute, words. Of the Mandarin voices only this one has tones; `cmn` of version
# 1.51 reads pinyin as English.
SPOKEN = {
    "en": ("en-us", "140", ["two", "three", "four", "five", "six", "seven", "eight", "nine"]),
    "zh": ("cmn-latn-pinyin", "115", ["二", "三", "四", "五", "六", "七", "八", "九"]),
}
SILENCE = 0.006  # of full scale
LOUDNESS, PEAK = 0.16, 0.95  # root mean square of a digit; no sample beyond this
EDGE = RATE // 100  # samples before and after the sound, faded in and out
# A low-pass filter for halving the rate: a windowed sinc, a little below the new limit.
TAPS, CUT = 63, 0.23
BRIGHTER = 0.8  # how much of the sample before is taken off: it lifts the s of six out of the rest


def main() -> None:
    VOICES.mkdir(exist_ok=True)
    for language, (voice, speed, words) in SPOKEN.items():
        digits = [recorded(voice, speed, word) for word in words]
        slot = max(map(len, digits))
        path = VOICES / f"{language}.wav"
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(1)
            out.setframerate(RATE)
            out.writeframes(b"".join(bytes_of(digit, slot) for digit in digits))
        seconds = [round(len(digit) / RATE, 2) for digit in digits]
        sys.stdout.write(f"{path.name}: {path.stat().st_size} bytes, seconds {seconds}\n")


def recorded(voice: str, speed: str, word: str) -> list[float]:
    """One word, from -1 to 1, at `RATE`, without the silence around it, as loud as the others."""
    command = ["espeak-ng", "-v", voice, "-s", speed, "-p", PITCH, "--stdout", word]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(spoken)) as source:
        if source.getframerate() != 2 * RATE or source.getsampwidth() != 2:
            sys.exit("espeak-ng does not speak at 22,050 Hz and 16 bits any more")
        samples = array("h", source.readframes(source.getnframes()))
    return faded(as_loud(trimmed(brightened(halved([sample / 32768 for sample in samples])))))


def halved(samples: list[float]) -> list[float]:
    middle = TAPS // 2
    taps = [
        (math.sin(2 * math.pi * CUT * n) / (math.pi * n) if n else 2 * CUT)
        * (0.54 + 0.46 * math.cos(math.pi * n / middle))
        for n in range(-middle, middle + 1)
    ]
    padded = [0.0] * middle + samples + [0.0] * middle
    return [
        sum(tap * padded[start + n] for n, tap in enumerate(taps))
        for start in range(0, len(samples), 2)
    ]


def brightened(samples: list[float]) -> list[float]:
    return [now - BRIGHTER * before for before, now in pairwise([0.0, *samples])]


def trimmed(samples: list[float]) -> list[float]:
    loud = [place for place, sample in enumerate(samples) if abs(sample) > SILENCE]
    return samples[max(0, loud[0] - EDGE) : loud[-1] + EDGE]


def as_loud(samples: list[float]) -> list[float]:
    rms = math.sqrt(sum(sample * sample for sample in samples) / len(samples))
    factor = min(LOUDNESS / rms, PEAK / max(map(abs, samples)))
    return [sample * factor for sample in samples]


def faded(samples: list[float]) -> list[float]:
    """Without a click at either end."""
    last = len(samples) - 1
    return [
        sample * min(1.0, place / EDGE, (last - place) / EDGE)
        for place, sample in enumerate(samples)
    ]


def bytes_of(samples: list[float], slot: int) -> bytes:
    """Unsigned, as 8 bits in a WAV file are; the rest of the slot is silent."""
    return bytes(128 + round(sample * 127) for sample in samples).ljust(slot, b"\x80")


if __name__ == "__main__":
    main()
