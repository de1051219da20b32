"""Pictures of every page, in both languages, light and dark, desktop and 375 px.

    python -m tests.real.screenshots [FOLDER] [--only NAME…]

writes FOLDER/NAME.LANGUAGE.WIDTH.SCHEME.png and FOLDER/index.html, a contact sheet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tests.real.browser import Browser
from tests.real.registry_scenes import REGISTRY, REGISTRY_BACK_OFFICE
from tests.real.relay_scenes import RELAYS
from tests.real.scenes import BACK_OFFICE, SCENES, Scene
from tests.real.service import Service
from tests.real.stages import EVERY_VIEW, Window, furnish, stage, window


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", nargs="?", type=Path, default=Path("screenshots"))
    arguments.add_argument("--only", nargs="*", help="names of scenes")
    options = arguments.parse_args()
    every = [*SCENES, *REGISTRY, *BACK_OFFICE, *REGISTRY_BACK_OFFICE, *RELAYS]
    scenes = [scene for scene in every if not options.only or scene.name in options.only]
    options.folder.mkdir(parents=True, exist_ok=True)
    with Service() as service, Browser() as browser:
        furnish(service)
        windows = [window(browser, view) for view in EVERY_VIEW]
        for number, scene in enumerate(scenes, 1):
            sys.stderr.write(f"{number:3}/{len(scenes)} {scene.name}\n")
            take(service, windows, scene, options.folder)
    write_sheet(options.folder, scenes)
    pictures = len(scenes) * len(EVERY_VIEW)
    sys.stdout.write(f"Took {pictures} pictures; see {options.folder}/index.html\n")


def take(service: Service, windows: list[Window], scene: Scene, folder: Path) -> None:
    with stage(service, scene) as set_up:
        for shown in windows:
            with shown.shows(scene, set_up) as page:
                file = folder / f"{scene.name}.{shown.view.name}.png"
                page.screenshot(path=file, full_page=True)


def write_sheet(folder: Path, scenes: Sequence[Scene]) -> None:
    """One page with all pictures of the folder, a row a scene."""
    rows = []
    for scene in scenes:
        pictures = "".join(
            f'<a href="{scene.name}.{view.name}.png"><img loading="lazy" height="320" '
            f'src="{scene.name}.{view.name}.png" alt="{view.name}" title="{view.name}"></a> '
            for view in EVERY_VIEW
        )
        rows.append(f"<h2>{escape(scene.name)}</h2><p>{pictures}</p>")
    head = '<!doctype html><meta charset="utf-8"><title>Every page</title>'
    (folder / "index.html").write_text(head + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
