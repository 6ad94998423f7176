"""What a weight map is of, in a few words: its META as a caption.

META comes from files, so nothing in it is trusted: what is missing or of another type is left out, and names are cut
and cleared of control characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TARGETS = ("features", "detections")
_MOST_MAPS = 64
_MOST_DEPTH = 8
_MOST_NAME = 40
_NO_DETECTOR = {"activity": "activity, no detector", "uniform": "uniform over the picture, no detector"}
_PROFILES = {"own": "own profile", "embedded": "embedded's mean profile", "lowpass": "made-up low-pass profile"}
_PLACES = {"source": "source", "decoded": "decoded picture"}


def caption(meta: Mapping[str, Any]) -> str:
    """One line such as "yolox_nano + nanodet_m: features and detections, l = 8, at the decoded picture (QP 37)".

    It is empty if META does not say what the map is of.
    """
    return ", ".join(caption_parts(meta))


def caption_parts(meta: Mapping[str, Any]) -> list[str]:
    """The parts of the caption, the most important one first: where there is little room, the last ones are dropped.

    The first part names the detectors with their targets; it is "activity, no detector" for maps without one. The last
    one names the profile over frequency, if there is one.
    """
    profile = [words] if (words := profile_words(meta)) else []
    estimator = meta.get("estimator")
    if isinstance(estimator, str) and estimator in _NO_DETECTOR:
        return [_NO_DETECTOR[estimator], *profile]
    maps = list(single_maps(meta))
    said: dict[str, list[Mapping[str, Any]]] = {}
    for single in maps:
        name = _name(single)
        if name:
            said.setdefault(name, []).append(single)
    if not said:
        return []
    of = {name: _targets(group) for name, group in said.items()}
    if len(set(of.values())) == 1:
        parts = [f"{' + '.join(of)}: {next(iter(of.values()))}"]
    else:
        parts = ["; ".join(f"{name}: {what}" for name, what in of.items())]
    rows = sorted({m["proj_dim"] for m in maps if _whole(m.get("proj_dim"))})
    if rows:
        parts.append(f"l = {' and '.join(map(str, rows))}")
    if place := _place(maps):
        parts.append(place)
    power = meta.get("blend_activity")
    if isinstance(power, (int, float)) and not isinstance(power, bool) and power > 0:
        parts.append("times activity" + ("" if power == 1 else f"^{power:g}"))
    return parts + profile


def profile_words(meta: Mapping[str, Any]) -> str:
    """Where a map's frequency profile is from, such as "own profile with 25 % of embedded's"; empty if it has none."""
    about = meta.get("profile")
    if not isinstance(about, Mapping):
        return ""
    kind = about.get("kind")
    if kind == "file":
        of, pictures = about.get("detector"), about.get("pictures")
        words = f"mean profile of {printable(of)}" if isinstance(of, str) and of else "profile of a file"
        if _whole(pictures):
            words += f" over {pictures} picture" + ("s" if pictures != 1 else "")
    else:
        words = _PROFILES.get(kind, "") if isinstance(kind, str) else ""
    share = about.get("prior")
    if words and isinstance(share, (int, float)) and not isinstance(share, bool) and 0 < share <= 1:
        words += f" with {100 * share:g} % of embedded's"
    return words


def single_maps(meta: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The METAs of the maps that a map is a combination of; a map that is none gives its own."""
    todo: list[tuple[Any, int]] = [(meta, 0)]
    for _ in range(_MOST_MAPS):
        if not todo:
            return
        at, depth = todo.pop(0)
        if not isinstance(at, Mapping):
            continue
        inner = at.get("maps")
        if at.get("estimator") == "combined" and isinstance(inner, list) and depth < _MOST_DEPTH:
            todo = [(m, depth + 1) for m in inner[:_MOST_MAPS]] + todo
        else:
            yield at


def meta_of_settings(importance: Mapping[str, Any], at_qp: int | None = None) -> dict[str, Any]:
    """META as far as settings decide it: for maps whose file does not say where they were made.

    Args:
        importance: `ImportanceSettings.deciding()`.
        at_qp: The QP of a first encode.
    """
    profile = _profile_of_settings(importance)
    if profile:
        plain = {k: v for k, v in importance.items() if k not in ("profile", "profile_prior")}
        return (meta_of_settings(plain, at_qp) or {"estimator": "uniform"}) | {"profile": profile}
    method = importance.get("method")
    names = detector_names(importance.get("detector", ""))
    if method == "roi":
        return {"estimator": "roi", "detector_name": names[0], "roi_qp": importance.get("roi_qp")}
    if method != "jacobian":
        return {} if method == "none" else {"estimator": method}
    target = importance.get("target", "features")
    places = ["source"]
    if importance.get("passes", 1) == 2:
        places = ["decoded"] if importance.get("at") == "decoded" else ["source", "decoded"]
    maps = [
        {"estimator": "jacobian", "extractor_name": name, "target": of, "at": at}
        | {"proj_dim": importance.get("proj_dim")}
        | ({"metric": importance.get("metric", "default")} if of == "detections" else {})
        | ({"at_qps": [at_qp]} if at == "decoded" and at_qp is not None else {})
        for name in names
        for of in (_TARGETS if target == "both" else (target,))
        for at in places
    ]  # fmt: skip
    return {"estimator": "combined", "maps": maps, "blend_activity": importance.get("blend_activity", 0)}


def _profile_of_settings(importance: Mapping[str, Any]) -> dict[str, Any]:
    """`profile` of META, as far as settings decide it."""
    kind = importance.get("profile", "none")
    if kind == "none" or (kind == "own" and importance.get("method") != "jacobian"):
        return {}
    if kind == "own" and importance.get("detector") == "embedded":  # its own profile is the mean of its teachers
        kind = "embedded"
    about = {"kind": kind} if kind in _PROFILES else {"kind": "file"}
    share = importance.get("profile_prior", 0)
    return about | ({"prior": share} if share else {})


def detector_names(detector: str) -> list[str]:
    """Names of the detectors in a setting `detector`, as maps have them: without folder and suffix of a file."""
    return [part.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".onnx") for part in detector.split("+")]


def _name(meta: Mapping[str, Any]) -> str:
    name = meta.get("detector_name" if meta.get("estimator") == "roi" else "extractor_name")
    return printable(name) if isinstance(name, str) else ""


def printable(name: str, most: int = _MOST_NAME) -> str:
    """A text of META as one line of at most `most` characters, without control characters."""
    clean = "".join(c if c.isprintable() else "?" for c in name[: 2 * most]).strip()
    return clean if len(clean) <= most else clean[: most - 3] + "..."


def _targets(maps: list[Mapping[str, Any]]) -> str:
    """What the maps of one detector preserve: "features and detections (metric fisher)", or "boxes 6 QP finer"."""
    there = {_target(m) for m in maps}
    if "both" in there:  # predicted whole, not added
        there |= set(_TARGETS)
    said = [target for target in _TARGETS if target in there]
    metrics = [m["metric"] for m in maps if _target(m) == "detections" and isinstance(m.get("metric"), str)]
    named = [printable(m) for m in dict.fromkeys(metrics) if m != "default"]
    if named and "detections" in said:
        said[said.index("detections")] += f" (metric {', '.join(named)})"
    for m in maps:
        if _target(m) == "boxes":
            steps = m.get("roi_qp")
            said.append(f"boxes {steps:g} QP finer" if isinstance(steps, (int, float)) else "boxes")
    return " and ".join(dict.fromkeys(said)) or "unknown target"


def _target(meta: Mapping[str, Any]) -> str:
    if meta.get("estimator") == "roi":
        return "boxes"
    target = meta.get("target", "features")  # the first maps were all of features, and did not say so
    return target if isinstance(target, str) else ""


def _place(maps: list[Mapping[str, Any]]) -> str:
    """Where the maps were made; nothing for the source alone, where most maps are."""
    there = {m["at"] for m in maps if isinstance(m.get("at"), str)}
    if "decoded" not in there:
        return ""
    qps: set[int] = set()
    for m in maps:
        found = m.get("at_qps")
        qps |= {q for q in found if _whole(q)} if isinstance(found, list) else set()
    words = " and the ".join(words for place, words in _PLACES.items() if place in there)
    at = "" if not qps else f" (QP {min(qps)})" if len(qps) == 1 else f" (QP {min(qps)} to {max(qps)})"
    return f"at the {words}{at}"


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
