"""The verification code: five digits, good for one attempt.

It slows machines down and nothing more; quotas and the rules carry the weight.
"""

from __future__ import annotations

import random
import secrets
import unicodedata
from datetime import datetime

from captcha.models import CaptchaStore
from captcha.views import captcha_image
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from PIL import Image, ImageDraw

from whitelist.pages import spoken
from whitelist.pages.ranges import in_range

# Without 0 and 1, which are taken for letters.
DIGITS = spoken.DIGITS
LENGTH = 5
NOISE_COLOR = "#6f6a7a"
GONE = 410


def digits_challenge() -> tuple[str, str]:
    """Challenge and answer, for django-simple-captcha, whose own are drawn with `random`."""
    digits = "".join(secrets.choice(DIGITS) for _ in range(LENGTH))
    return digits, digits


def noise_lines(draw: ImageDraw.ImageDraw, image: Image.Image) -> ImageDraw.ImageDraw:
    """Three thin lines across. The caller has seeded `random`: one key, one picture."""
    width, height = image.size
    for _ in range(3):
        start, end = (random.randint(height // 6, height * 5 // 6) for _ in range(2))  # noqa: S311
        draw.line([0, start, width, end], fill=NOISE_COLOR, width=3)
    return draw


def new_captcha() -> str:
    """A new code; its key names it in the form and in the picture's URL."""
    key: str = CaptchaStore.generate_key()
    return key


def do_use_captcha(key: str, answer: str, *, at: datetime) -> bool:
    """Whether the answer is right. Right or wrong, the code is used up.

    The DELETE is the lock: of many attempts at once only the one that deleted the row counts.
    Digits typed full-width (`１２３`), or with spaces between, are the same digits.
    """
    stored = CaptchaStore.objects.filter(hashkey=key, expiration__gt=at).first()
    if stored is None:
        return False
    deleted, _rows = CaptchaStore.objects.filter(pk=stored.pk).delete()
    digits = "".join(unicodedata.normalize("NFKC", answer).split())
    return deleted == 1 and secrets.compare_digest(digits.encode(), stored.response.encode())


def do_discard_captcha(key: str) -> None:
    CaptchaStore.objects.filter(hashkey=key).delete()


@never_cache
@require_safe
def picture(request: HttpRequest, key: str) -> HttpResponse:
    """The picture of a code that can still be used; 410 once it was used or has expired."""
    if usable(key) is None:
        return HttpResponse(status=GONE)
    response: HttpResponse = captcha_image(request, key)
    return response


@never_cache
@require_safe
def sound(request: HttpRequest, key: str, language: str) -> HttpResponse:
    """The same code spoken; 410 as the picture. One key, one sound, as often as it is played."""
    if language not in spoken.LANGUAGES:
        raise Http404
    code = usable(key)
    if code is None:
        return HttpResponse(status=GONE)
    # With our key, or who reads the code's key in the URL could take the noise out again.
    seed = salted_hmac("whitelist.pages.captcha.sound", f"{key} {language}", algorithm="sha256")
    return in_range(request, spoken.spoken(code.response, language, seed.digest()), "audio/wav")


def usable(key: str) -> CaptchaStore | None:
    found: CaptchaStore | None = CaptchaStore.objects.filter(
        hashkey=key, expiration__gt=timezone.now()
    ).first()
    return found
