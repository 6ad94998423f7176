"""Code a photograph with and without a detector's importance map, decode both, and show them side by side."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

OUT = Path("out")
QP = "37"
_SIDE = 800  # a picture's longest side in the sheet, pixels
_TITLE = 36  # pixels above each picture
_GAP = 12  # between pictures


def idse(*arguments: str) -> dict[str, Any]:
    """Run an idse command, show it, and return its figures."""
    print("$ idse " + shlex.join(arguments), flush=True)
    # -I: the installed idse, not the source tree in the current folder
    command = [sys.executable, "-I", "-m", "idse", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def photograph() -> Path:
    """scikit-image's photograph of an astronaut (NASA, public domain), 512x512."""
    from skimage import data

    path = OUT / "astronaut.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


def side_by_side(panels: list[tuple[str, Path]], target: Path) -> None:
    """Write four pictures in two rows, each under its title."""
    font = ImageFont.load_default(size=_TITLE // 2)
    pictures = []
    for title, path in panels:
        picture = Image.open(path).convert("RGB")
        picture.thumbnail((_SIDE, _SIDE))
        pictures.append((title, picture))
    width = max(picture.width for _, picture in pictures) + _GAP
    height = max(picture.height for _, picture in pictures) + _TITLE
    sheet = Image.new("RGB", (2 * width + _GAP, 2 * height + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (title, picture) in enumerate(pictures):
        x, y = _GAP + i % 2 * width, i // 2 * height
        draw.text((x, y + _TITLE // 4), title, fill="black", font=font)
        sheet.paste(picture, (x, y + _TITLE))
    sheet.save(target)


def main() -> None:
    """Run the command."""
    OUT.mkdir(exist_ok=True)
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else photograph()
    name = picture.stem
    plain, idse_stream = OUT / f"{name}-plain.266", OUT / f"{name}-idse.266"
    heat, sheet = OUT / f"{name}-importance.png", OUT / f"{name}-side-by-side.png"

    idse("map", str(picture), "-o", str(OUT / f"{name}.idsew"), "--heatmap", str(heat))
    figures = {
        "without importance": idse(
            "encode", str(picture), "-o", str(plain), "--qp", QP, "--importance", "none", "--verify"
        ),
        "with importance": idse("encode", str(picture), "-o", str(idse_stream), "--qp", QP, "--verify"),
    }
    panels = [(f"original: {picture.stat().st_size} bytes", picture)]
    for (title, figure), stream in zip(figures.items(), (plain, idse_stream), strict=True):
        decoded = stream.with_suffix(".png")
        idse("decode", str(stream), "-o", str(decoded))
        panels.append((f"{title}, QP {QP}: {figure['bytes']} bytes, {figure['psnr']:.2f} dB", decoded))
    side_by_side([panels[0], ("importance (embedded detector)", heat), *panels[1:]], sheet)

    print(f"\n{'':20}{'bytes':>8}{'bpp':>9}{'PSNR':>10}{'map':>9}{'encode':>9}")
    for title, figure in figures.items():
        print(
            f"{title:20}{figure['bytes']:8}{figure['bpp']:9.4f}{figure['psnr']:7.2f} dB"
            f"{figure['map_seconds']:7.2f} s{figure['encode_seconds']:7.2f} s"
        )
    print(f"Both decode to the encoder's samples in FFmpeg. Look at {sheet}")


if __name__ == "__main__":
    main()
