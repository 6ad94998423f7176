"""Texts for measures, numbers and names, the same in every output."""

from __future__ import annotations

import re
import unicodedata

_SHORT = {
    "psnr_y": "BD-Y",
    "psnr_u": "BD-U",
    "psnr_v": "BD-V",
    "psnr_611": "BD-6:1:1",
    "ms_ssim": "MS-SSIM",
    "features": "features",
    "pseudo_ap": "AP vs uncompressed",
    "map_box": "mAP boxes",
    "ap50_box": "AP50 boxes",
    "map_mask": "mAP masks",
    "ap50_mask": "AP50 masks",
    "wap_box": "wAP boxes",
    "wap_mask": "wAP masks",
}

_EQUAL = {
    "psnr_y": "luma PSNR",
    "psnr_u": "Cb PSNR",
    "psnr_v": "Cr PSNR",
    "psnr_611": "PSNR 6:1:1",
    "ms_ssim": "MS-SSIM",
    "features": "mean squared error of {d}'s features",
    "pseudo_ap": "AP of {d} against its detections on the uncompressed pictures",
    "map_box": "mAP of {d}'s boxes",
    "ap50_box": "AP50 of {d}'s boxes",
    "map_mask": "mAP of {d}'s masks",
    "ap50_mask": "AP50 of {d}'s masks",
    "wap_box": "weighted AP of {d}'s boxes",
    "wap_mask": "weighted AP of {d}'s masks",
}


def split_key(key: str) -> tuple[str, str, str]:
    """Kind, detector and class in a measure's key; empty if it has none."""
    kind, detector, name = [*key.split(":", 2), "", ""][:3]
    return kind, detector, name


def heading(key: str, title: str) -> str:
    """Heading of a measure's column of BD-rates."""
    return _SHORT.get(split_key(key)[0], title)


def at_equal(key: str, title: str) -> str:
    """The quality that is equal in a BD-rate, in a sentence: "luma PSNR"."""
    kind, detector, _ = split_key(key)
    return _EQUAL.get(kind, title).format(d=detector)


def percent(value: float, half: float | None = None) -> str:
    """A signed percentage with its interval: "-20.5 ±1.9"."""
    shown = f"{value:+.1f}"
    return ("0.0" if shown in ("-0.0", "+0.0") else shown) + ("" if half is None else f" ±{half:.1f}")


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def quoted(name: str) -> str:
    """A name for a sentence: in quotation marks if it contains a comma."""
    return f"“{name}”" if "," in name else name


def listed(names: list[str], last: str = "and") -> str:
    """Names as a list in a sentence: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else ""


def names_listed(names: list[str]) -> str:
    """The same for names that may contain commas."""
    return listed([quoted(name) for name in names])


def some(names: list[str], most: int = 8) -> str:
    """The first of many names, and the number of the others."""
    if len(names) <= most:
        return names_listed(names)
    return names_listed([*names[: most - 1], f"{len(names) - most + 1} more"])


def slug(name: str) -> str:
    """A name for use in a file name: letters, digits, dots and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.") or "codec"
