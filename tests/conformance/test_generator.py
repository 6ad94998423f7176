"""The generator itself, without an encoder."""

import numpy as np

from idse.devtools.conformance.random_streams import CONTENT, make_case, make_narrow_case


def test_a_case_follows_from_seed_and_index() -> None:
    for index in range(30):
        a, b = make_case(3, index), make_case(3, index)
        assert a.words == b.words
        assert a.settings == b.settings
        for x, y in zip(a.frames, b.frames, strict=True):
            assert all((p == q).all() for p, q in zip(x.planes, y.planes, strict=True))
    assert make_case(3, 0).words != make_case(4, 0).words


def test_the_generator_reaches_everything() -> None:
    cases = [make_case(1, index) for index in range(400)]
    frames = [c.frames[0] for c in cases]
    assert {f.bit_depth for f in frames} == {8, 10}
    assert {f.chroma_format for f in frames} == {"400", "420"}
    assert any(f.width % 2 for f in frames)
    assert any(f.width % 8 in (2, 4, 6) for f in frames if f.chroma_format == "420")
    assert all(8 <= side <= 256 for f in frames for side in (f.width, f.height))
    assert not any(f.width % 2 or f.height % 2 for f in frames if f.chroma_format == "420")
    assert {len(c.frames) for c in cases} == {1, 2, 3}
    assert min(c.settings.target.qp for c in cases) == 0
    assert max(c.settings.target.qp for c in cases) == 63
    weights = [c.weights for c in cases if c.weights is not None]
    assert {w.log2_unit for w in weights} == set(range(8))
    assert {w.planes.shape[1] for w in weights} == {1, 3}
    assert any(w.tiles is not None for w in weights)
    words = " ".join(c.words for c in cases)
    assert all(
        kind in words for kind in [*CONTENT, "mixed", "linear", "lognormal", "extreme", "target_bytes"]
    )


def test_narrow_pictures() -> None:
    cases = [make_narrow_case(1, index) for index in range(60)]
    shapes = [(c.frames[0].width, c.frames[0].height, c.settings.tools.ctu_size) for c in cases]
    assert all(8 <= w <= ctu < h <= 4 * ctu for w, h, ctu in shapes)
    assert {-(-h // ctu) for _, h, ctu in shapes} == {2, 3, 4}
    assert {w == ctu for w, _, ctu in shapes} == {h % ctu == 0 for _, h, ctu in shapes} == {True, False}
    assert {ctu for *_, ctu in shapes} == {64, 128}
    assert {c.frames[0].chroma_format for c in cases} == {"400", "420"}
    assert make_narrow_case(1, 7).words == cases[7].words


def test_crops_of_photographs() -> None:
    source = make_case(5, 1).frames[0]
    with_photos = [make_case(9, i, [f for f in [source] if f.bit_depth == 8] or None) for i in range(5)]
    assert all(np.isfinite(p).all() for c in with_photos for f in c.frames for p in f.planes)
