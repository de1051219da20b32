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
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from PIL import Image, ImageDraw

# Without 0 and 1, which are taken for letters.
DIGITS = "23456789"
LENGTH = 5
NOISE_COLOR = "#6f6a7a"


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
    if not CaptchaStore.objects.filter(hashkey=key, expiration__gt=timezone.now()).exists():
        return HttpResponse(status=410)
    response: HttpResponse = captcha_image(request, key)
    return response
