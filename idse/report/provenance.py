"""What is needed to reproduce the figures: versions, settings, data and seeds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idse.engines.settings import Shaping, tuning_name
from idse.importance.caption import detector_names, meta_of_settings, profile_words
from idse.importance.settings import FIRST_VALUES, ImportanceSettings
from idse.report import text

if TYPE_CHECKING:
    from idse.study import Codec, Study


_NOTHING = "–"
_VERIFIED = {
    "foreign": "an independent decoder",
    "its own": "the codec's own decoder",
    "none": "not verified",
}


@dataclass(frozen=True)
class CodecEntry:
    """Engine, version and settings of a codec; `settings` is indented JSON.

    `maps_of` names the detectors or the method of its maps, `target`, `metric` and `passes` say what the maps preserve,
    how changes of detections are weighted, and where the Jacobian is taken; `frequency` names the maps' profile and the
    power it is raised to. What does not apply is "–".
    """

    name: str
    engine: str
    version: str
    maps_of: str
    target: str
    metric: str
    passes: str
    frequency: str
    settings_hash: str
    verified: str
    settings: str


@dataclass(frozen=True)
class Provenance:
    """Attributes: terms with descriptions; the codecs; packages with their versions; the text of the plan."""

    terms: tuple[tuple[str, str], ...]
    codecs: tuple[CodecEntry, ...]
    packages: str
    plan: str


def provenance(study: Study, anchor: str, method: str, draws: int) -> Provenance:
    """The provenance of a study's figures."""
    about: dict[str, Any] = study.provenance
    identity: dict[str, Any] = study.dataset.get("identity", {})
    first = (
        ("Sweep", study.name),
        ("Store", about.get("store")),
        ("Data set", f"{study.dataset['name']} ({study.dataset['kind']})"),
        ("Pictures", _counted(study)),
        ("Pictures left out", _left_out(study)),
        ("Annotations", identity.get("annotations") or identity.get("annotation_sha256")),
        ("Colour conversion", identity.get("conversion") or about.get("conversion")),
        ("Detectors", text.listed(study.detectors) or "none"),
        ("Measurement", about.get("measuring")),
        ("BD-rate", f"{method} interpolation of the logarithm of the rate, against {anchor}"),
        ("Intervals", _intervals(study, draws)),
        (
            "Ground truth of AP vs uncompressed",
            f"the detector's detections on the uncompressed picture with a score above {about.get('pseudo_score')}",
        ),
        ("Seed of the maps", about.get("seed")),
        ("idse", about.get("idse")),
        ("Python", about.get("python")),
        ("Host", " · ".join(str(about[k]) for k in ("host", "machine") if about.get(k))),
        ("Sweep started", about.get("created")),
    )
    packages = " · ".join(f"{name} {version}" for name, version in about.get("packages", {}).items())
    return Provenance(
        tuple((term, str(words)) for term, words in first if words not in (None, "", {})),
        tuple(
            CodecEntry(
                c.name,
                c.engine,
                c.version,
                *_maps(c.importance),
                _frequency(c),
                str(c.provenance.get("settings_hash", "")),
                _VERIFIED[study.verified(c.name)],
                json.dumps(c.provenance, indent=2, default=str),
            )
            for c in study.codecs
        ),
        packages,
        str(about.get("plan", "")),
    )


def _maps(importance: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    """Detectors, target, metric and passes of a codec's maps, for `CodecEntry`."""
    if importance is None:
        return "no map", _NOTHING, _NOTHING, _NOTHING
    if importance["method"] in ("activity", "none"):  # "none": the same weight everywhere, with a profile
        words = "activity" if importance["method"] == "activity" else "uniform"
        return words, _NOTHING, _NOTHING, _NOTHING
    # Fields that the first stores did not have are absent where they are at their default.
    has: dict[str, Any] = dataclasses.asdict(ImportanceSettings()) | dict(FIRST_VALUES) | dict(importance)
    detectors = " + ".join(detector_names(has["detector"]))
    if has["method"] == "roi":
        return detectors, "boxes", _NOTHING, _NOTHING
    both = has["target"] == "both"
    passes = "1, at the source"
    if has["passes"] == 2:
        passes = "2, at the decoded picture" if has["at"] == "decoded" else "2, at the source and the decoded picture"
    return (
        detectors,
        "features and detections" if both else has["target"],
        _NOTHING if has["target"] == "features" else has["metric"],
        passes,
    )


def _frequency(codec: Codec) -> str:
    """The profile of a codec's maps, and gamma with the tuning that has it."""
    profile = profile_words(meta_of_settings(codec.importance or {}))
    if not profile:
        return _NOTHING
    gamma = codec.settings.get("gamma", Shaping.gamma)
    tuning = tuning_name(gamma)
    return f"{profile}, gamma {gamma:g}" + (f" ({tuning})" if tuning else "")


def _left_out(study: Study) -> str:
    """Pictures that are left out of some measures."""
    found: dict[str, list[str]] = {}
    for measure in study.measures:
        if items := study.left_out(measure.key):
            found.setdefault(text.listed(items), []).append(measure.title)
    return "; ".join(
        f"{items}, from {text.listed(titles)} (coded without loss)" for items, titles in found.items()
    )


def _counted(study: Study) -> str:
    total = study.dataset.get("items", len(study.items))
    return (
        f"{len(study.items)}"
        if total == len(study.items)
        else f"{len(study.items)} of {total} (the others are not finished)"
    )


def _intervals(study: Study, draws: int) -> str:
    if draws < 2 or len(study.items) < 2:
        return "none"
    return (
        f"± is half of the 95 % bootstrap interval over pictures ({draws} resamples, seed 0); "
        "single classes have no interval"
    )


def short(study: Study) -> str:
    """One line below a table: data, versions, hashes, conversion, seed."""
    about = study.provenance
    codecs = "; ".join(
        f"{c.name}: {c.version} [{c.provenance.get('settings_hash', '')}]" for c in study.codecs
    )
    conversion = study.dataset.get("identity", {}).get("conversion", "")
    return (
        f"{text.plural(len(study.items), 'picture')} of {study.dataset['name']}; {conversion}; "
        f"seed {about.get('seed')}; idse {about.get('idse')}; {codecs}"
    )
