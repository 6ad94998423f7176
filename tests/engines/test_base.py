"""What an engine gets from its base class."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from idse.engines import EncodedStream, EncodeSettings, Engine, FrameStats, engine_class, get_engine
from idse.errors import IdseError
from idse.media.frame import Frame, probe_frame


class Least(Engine):
    """As little as an engine may have."""

    name, version, stream_format = "least", "1", "jpeg"
    path_options = frozenset({"table"})
    list_options = frozenset({"steps"})

    def __init__(self, table: Path | None = None, steps: tuple[int, ...] = ()) -> None:
        self.table, self.steps, self.encodes = table, steps, 0

    def encode(self, frames, weights, settings, progress=None):
        self.encodes += 1
        data = b"qp %d" % settings.target.qp
        stats = [FrameStats(len(data), settings.target.qp, (40.0,)) for _ in frames]
        return EncodedStream(
            data, list(frames), stats, 0.0, self.provenance(settings, steps=list(self.steps))
        )


def test_the_probe_is_coded_once_for_an_engine():
    engine = Least()
    assert engine.identity == {"probe": hashlib.sha256(b"qp 31").hexdigest()[:12]}
    assert (engine.identity, engine.encodes) == (engine.identity, 1)


def test_no_probe_is_coded_for_every_job(tmp_path, monkeypatch):
    """The named fault: an anchor's identity was computed anew for each job."""
    pytest.importorskip("numba")
    from PIL import Image

    from idse.sweeps.job import do_job
    from idse.sweeps.plan import parse_plan
    from idse.sweeps.preparation import prepare
    from idse.sweeps.resources import Resources
    from idse.sweeps.store import Store

    for name, size in (("a", (64, 48)), ("b", (48, 64))):
        Image.fromarray(probe_frame(*size).to_rgb()).save(tmp_path / f"{name}.png")
    text = '[dataset]\nkind = "folder"\nimages = "."\n[[codecs]]\nname = "jpeg"\nqp = [20, 40, 60]\n'
    plan = parse_plan(text, tmp_path)
    jpeg, probes = engine_class("jpeg"), []
    encode = jpeg.encode

    def counting(self, frames, weights, settings, progress=None):
        if (frames[0].width, frames[0].height) == (96, 64):
            probes.append(settings)
        return encode(self, frames, weights, settings, progress)

    monkeypatch.setattr(jpeg, "encode", counting)
    with Store(tmp_path / "s.sqlite") as store:
        prepared = prepare(plan, store)
    assert len(probes) == 1
    resources = Resources(plan)
    for job in prepared.jobs:
        assert do_job(job, resources).figures is not None
    assert (len(prepared.jobs), len(probes)) == (6, 2)


@pytest.mark.parametrize(
    ("settings", "weighted", "message"),
    [
        (EncodeSettings(), True, "the least engine takes no weights"),
        (EncodeSettings(qp=64), False, "qp 64: must be 0..63"),
        (EncodeSettings(target_bpp=1), False, "the least engine codes at a fixed qp: give --qp instead"),
        (EncodeSettings(md5_sei=True), False, "the least engine writes no MD5"),
        (EncodeSettings(cr_qp_offset=1), False, "the least engine takes no chroma QP offsets"),
    ],
)
def test_what_is_refused(settings, weighted, message):
    Least().check(EncodeSettings(), weighted=False)
    with pytest.raises(IdseError, match=message):
        Least().check(settings, weighted=weighted)


def test_options():
    assert Least.option_names() == {"table", "steps"}
    engine = Least.from_options({"table": "x/y.bin", "steps": [1, 2]})
    assert (engine.table, engine.steps) == (Path("x/y.bin"), (1, 2))
    assert Least.from_options({"table": None}).table is None
    with pytest.raises(IdseError, match="the least engine has no option 'step'; its options: steps, table"):
        Least.from_options({"step": 1})


def test_options_of_vtm():
    pytest.importorskip("idse.vtm.options")
    vtm = engine_class("vtm")
    assert {"root", "executable", "tools", "extra", "lmcs", "timeout"} <= vtm.option_names()
    with pytest.raises(IdseError, match="vtm tool 'x'"):
        vtm.from_options({"tools": ["x"]})


def test_decoders(small_frame: Frame):
    assert not Least.has_own_decoder()
    assert engine_class("learned").has_own_decoder()
    stream = get_engine("jpeg").encode([small_frame], None, EncodeSettings(qp=80))
    assert (Least().decode(stream.data, small_frame)[0].planes[0] == stream.recon[0].planes[0]).all()
    assert (Least.stream_suffix(), engine_class("native").stream_suffix()) == (".jpg", ".266")
    with pytest.raises(IdseError, match="here: no JPEG stream"):
        Least().decode(b"nothing", name="here")


def test_other_defaults():
    assert (Least.points({}), Least.verify_refusal, Least.installation()) == (None, None, "version 1")
    assert engine_class("learned").installation() is None
    provenance = Least(steps=(1,)).encode([], None, EncodeSettings()).provenance
    assert list(provenance) == ["engine", "version", "settings", "steps"]
