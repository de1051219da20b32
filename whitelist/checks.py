"""System checks of the whitelist."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def check_map_folder(**_kwargs: Any) -> list[CheckMessage]:
    """The map's folder, or the nearest folder above it that exists, can be written."""
    folder: Path = settings.ACCESS_MAP_DIR
    while not folder.exists():
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"ACCESS_MAP_DIR: {folder} is not a folder that this user can write to",
            id="whitelist.E001",
        )
    ]
