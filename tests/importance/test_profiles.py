"""Frequency profiles: of a picture's own gradients, of sums of maps, stored, made up and in files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import ToyDetector, ToyExtractor, random_frame

from idse.errors import IdseError
from idse.features.embedded_file import package_weights
from idse.importance import frequency
from idse.importance.combine import combine
from idse.importance.estimate import activity_map, estimate_map
from idse.importance.frequency import TileSpectra, dct_matrix
from idse.importance.maker import ImportanceSettings, MapMaker
from idse.importance.planes import planes_to_rgb, planes_to_tensors
from idse.importance.profile import MeanProfile, ProfileSum, at_size, lowpass, mixed, with_mean_one
from idse.importance.sketch import sketched_rows
from idse.importance.weight_map import WeightMap

TOYS = {"a": ToyExtractor(0), "b": ToyExtractor(1), "heads": ToyDetector(2)}
FRAMES = [random_frame(45, 38, seed=3), random_frame(45, 38, seed=4)]
K = np.arange(8)
DCT = np.cos(np.pi * np.outer(K, 2 * K + 1) / 16) * np.where(K == 0, np.sqrt(1 / 8), 0.5)[:, None]


def plain_sums(plane: np.ndarray) -> np.ndarray:
    """Squares of the DCT of every complete tile, summed; one tile at a time in float64."""
    total = np.zeros((8, 8))
    for top in range(0, plane.shape[0] - 7, 8):
        for left in range(0, plane.shape[1] - 7, 8):
            total += (DCT @ plane[top : top + 8, left : left + 8] @ DCT.T) ** 2
    return total


def make(frames=FRAMES, **settings):
    maker = MapMaker(
        ImportanceSettings(**{"target": "features", "detector": "a"} | settings),
        load_extractor=lambda name, *_: TOYS[name],
    )
    return maker(frames)


def gradients(seed: int, *sizes: tuple[int, int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 1, *size, generator=generator) for size in sizes]


# --- sums over tiles ---


def test_dct_is_orthonormal_and_starts_with_the_mean():
    matrix = dct_matrix().numpy()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(matrix, DCT, atol=1e-12)


def test_sums_are_those_of_a_plain_computation():
    """Of each plane's own tiles; what the right and bottom edge cut does not count."""
    sizes = [(38, 45), (19, 23), (16, 8)]
    spectra = TileSpectra(sizes)
    want = [np.zeros((8, 8))] * 3
    for seed in range(3):
        row = gradients(seed, *sizes)
        spectra.add(row)
        want = [w + plain_sums(g[0, 0].double().numpy()) for w, g in zip(want, row, strict=True)]
    np.testing.assert_allclose(spectra.profiles(), [w / w.mean() for w in want], rtol=1e-4)


def test_large_planes_are_transformed_in_strips(monkeypatch):
    (plane,) = gradients(0, (200, 64))
    whole, strips = TileSpectra([(200, 64)]), TileSpectra([(200, 64)])
    whole.add([plane])
    monkeypatch.setattr(frequency, "_STRIP_SAMPLES", 3 * 64 * 8)
    strips.add([plane])
    np.testing.assert_allclose(strips.profiles(), whole.profiles(), rtol=1e-5)


def test_rows_take_turns_in_the_tiles_of_large_planes(monkeypatch):
    """Each counts in every third row of tiles: three of the same give the sums over all tiles."""
    (plane,) = gradients(0, (72, 40))
    monkeypatch.setattr(frequency, "_MOST_TILES", 15)
    spectra = TileSpectra([(72, 40)])
    for rows in (range(0, 9, 3), range(9)):
        taken = np.concatenate([plane[0, 0, 8 * r : 8 * r + 8].double().numpy() for r in rows])
        for _ in range(len(rows) // 3 if len(rows) == 3 else 2):
            spectra.add([plane])
        want = plain_sums(taken)
        np.testing.assert_allclose(spectra.profiles()[0], want / want.mean(), rtol=1e-4)


def test_parseval():
    """The squares of a tile's coefficients sum up to the squares of its samples."""
    (tile,) = gradients(1, (8, 8))
    spectra = TileSpectra([(8, 8)])
    spectra.add([tile])
    assert float(spectra._sums[0].sum()) == pytest.approx(float(tile.square().sum()), rel=1e-5)


def test_frequencies_stand_in_their_place():
    """Row v, column u: v half periods down, u across."""
    for v, u in ((0, 0), (0, 3), (5, 1), (7, 7)):
        wave = np.outer(DCT[v], DCT[u]).astype(np.float32)
        spectra = TileSpectra([(16, 24)])
        spectra.add([torch.from_numpy(np.tile(wave, (2, 3)))[None, None]])
        table = spectra.profiles()[0]
        assert np.unravel_index(table.argmax(), (8, 8)) == (v, u)
        assert table[v, u] == pytest.approx(64, rel=1e-3)


def test_normalised_tiles_count_alike():
    """A tile of one wave that is a thousand times as strong as the other tile's counts as much as that one."""
    left, right = np.outer(DCT[0], DCT[2]) * 1000, np.outer(DCT[4], DCT[1])
    plane = torch.from_numpy(np.hstack([left, right, np.zeros((8, 8))]).astype(np.float32))[None, None]
    plain, even = TileSpectra([(8, 24)], normalise_tiles=False), TileSpectra([(8, 24)], normalise_tiles=True)
    for spectra in (plain, even):
        spectra.add([plane])
    assert plain.profiles()[0, 0, 2] > 63.9
    assert even.profiles()[0, 0, 2] == pytest.approx(32, rel=1e-3)
    assert even.profiles()[0, 4, 1] == pytest.approx(32, rel=1e-3)


@pytest.mark.parametrize("size", [(7, 40), (40, 7), (1, 1)])
def test_planes_without_a_complete_tile_are_flat(size):
    spectra = TileSpectra([size])
    spectra.add(gradients(0, size))
    np.testing.assert_array_equal(spectra.profiles(), np.ones((1, 8, 8)))


def test_planes_that_move_nothing_are_flat():
    spectra = TileSpectra([(16, 16)])
    spectra.add([torch.zeros(1, 1, 16, 16)])
    np.testing.assert_array_equal(spectra.profiles(), np.ones((1, 8, 8)))


def test_a_detector_of_fine_detail_alone_has_a_valid_profile():
    spectra = TileSpectra([(8, 8)])
    spectra.add([torch.from_numpy(np.outer(DCT[7], DCT[7]).astype(np.float32))[None, None]])
    made = WeightMap(8, 8, 3, np.ones((1, 1, 1, 1), np.float32), profiles=spectra.profiles()[None])
    assert made.profiles is not None and made.profiles[0, 0, 7, 7] > 60


# --- of a picture ---


def test_profiles_are_of_the_rows_of_the_sketch():
    frame = FRAMES[0]
    made = estimate_map([frame], extractor=TOYS["a"], proj_dim=3, rounds=2, seed=9)
    generator = torch.Generator("cpu").manual_seed(9)
    want = [np.zeros((8, 8))] * 3
    for _ in range(2):
        rows = sketched_rows(
            lambda planes: TOYS["a"].features(planes_to_rgb(planes, frame)),
            planes_to_tensors(frame), 3, generator,
        )  # fmt: skip
        for row in rows:
            want = [w + plain_sums(g[0, 0].double().numpy()) for w, g in zip(want, row, strict=True)]
    assert made.profiles is not None and made.meta["profile"] == {"kind": "own"}
    np.testing.assert_allclose(made.profiles[0], [w / w.mean() for w in want], rtol=1e-4)


def test_profiles_leave_the_map_as_it_is():
    settings = {"extractor": TOYS["a"], "rounds": 2, "noise_sigma": 3.0, "tiles": True}
    with_profile, without = (estimate_map(FRAMES, profile=p, **settings) for p in (True, False))
    np.testing.assert_array_equal(with_profile.planes, without.planes)
    np.testing.assert_array_equal(with_profile.tiles, without.tiles)
    assert without.profiles is None and "profile" not in without.meta
    assert with_profile.profiles.shape == (2, 3, 8, 8)
    np.testing.assert_allclose(with_profile.profiles.mean((2, 3)), 1, rtol=1e-5)
    assert not np.allclose(with_profile.profiles[0], with_profile.profiles[1])


@pytest.mark.parametrize(("width", "height"), [(6, 4), (2, 64), (17, 9)])
def test_small_pictures(width, height):
    made = make([random_frame(width, height)])
    assert made.profiles.shape == (1, 3, 8, 8) and np.isfinite(made.profiles).all()


def test_grey_pictures_have_one_table():
    assert make([random_frame(24, 24, chroma="400")]).profiles.shape == (1, 1, 8, 8)


# --- sums of maps ---


def test_the_profile_of_a_sum_counts_maps_by_their_share_of_each_plane():
    a, b = (estimate_map(FRAMES, extractor=TOYS[name]) for name in "ab")
    made = combine([a, b])
    shares = [m.planes.mean((2, 3)) / m.planes[:, :1].mean((2, 3)) for m in (a, b)]
    want = sum(s[..., None, None] * m.profiles for s, m in zip(shares, (a, b), strict=True))
    np.testing.assert_allclose(made.profiles, want / want.mean((2, 3), keepdims=True), rtol=1e-5)
    assert made.meta["profile"] == {"kind": "own"}


def test_the_scale_of_a_map_does_not_count():
    a, b = (estimate_map(FRAMES, extractor=TOYS[name]) for name in "ab")
    large = WeightMap(a.width, a.height, a.log2_unit, a.planes * 64, meta=a.meta, profiles=a.profiles * 3)
    np.testing.assert_allclose(combine([large, b]).profiles, combine([a, b]).profiles, rtol=1e-5)


def test_maps_without_a_profile_do_not_count():
    a = estimate_map(FRAMES, extractor=TOYS["a"])
    b = estimate_map(FRAMES, extractor=TOYS["b"], profile=False)
    made = combine([a, b])
    np.testing.assert_allclose(made.profiles, a.profiles, rtol=1e-5)
    assert made.meta["profile"] == {"kind": "own", "maps": 1}
    alone = combine([b, b])
    assert alone.profiles is None and "profile" not in alone.meta


def test_the_activity_keeps_the_profile():
    a = estimate_map(FRAMES, extractor=TOYS["a"])
    made = combine([a], activity=activity_map(FRAMES), blend_activity=1.0)
    np.testing.assert_allclose(made.profiles, a.profiles, rtol=1e-5)


def test_a_table_for_luma_serves_chroma_too():
    planes = np.ones((1, 3, 1, 1), np.float32)
    tables = lowpass()[None]
    one, three = (WeightMap(8, 8, 3, planes, profiles=t) for t in (tables[:, :1], tables))
    made = combine([one, three])
    np.testing.assert_allclose(made.profiles[0, 0], tables[0, 0], rtol=1e-5)
    np.testing.assert_allclose(made.profiles[0, 1], (tables[0, 0] + tables[0, 1]) / 2, rtol=1e-5)


# --- the maker ---


def test_both_targets_have_the_profile_of_their_sum():
    alone = [estimate_map(FRAMES, extractor=TOYS["heads"], target=t) for t in ("features", "detections")]
    made = make(detector="heads", target="both")
    np.testing.assert_array_equal(made.profiles, combine(alone).profiles)


def test_none():
    made = make(profile="none")
    assert made.profiles is None and "profile" not in made.meta
    np.testing.assert_array_equal(made.planes, make().planes)
    for method in ("activity", "none"):
        assert getattr(make(method=method), "profiles", None) is None


@pytest.mark.parametrize("method", ["jacobian", "activity", "none"])
def test_a_made_up_profile_for_every_method(method):
    made = make(method=method, profile="lowpass")
    np.testing.assert_array_equal(made.profiles, np.stack([lowpass()] * 2))
    assert made.meta["profile"] == {"kind": "lowpass"}
    if method == "none":
        np.testing.assert_array_equal(made.planes, np.ones((2, 1, 5, 6)))
    else:
        np.testing.assert_array_equal(made.planes, make(method=method, profile="none").planes)


def test_the_made_up_profile_is_the_documented_one():
    tables = lowpass()
    v, u = np.mgrid[:8, :8]
    for table, decay in zip(tables, (0.28, 0.56, 0.56), strict=True):
        np.testing.assert_allclose(table / table[0, 0], np.exp(-decay * (u + v)), rtol=1e-5)
    np.testing.assert_allclose(tables.mean((1, 2)), 1, rtol=1e-6)


def test_the_embedded_profile_is_that_of_the_target():
    stored = package_weights().profiles
    assert set(stored) == {"features", "detections", "both"}
    for target in stored:
        made = make(method="none", profile="embedded", target=target)
        wanted = at_size(stored[target], max(made.width, made.height))
        np.testing.assert_array_equal(made.profiles[0], wanted)
        assert made.meta["profile"] == {
            "kind": "embedded", "target": target, "sha256": package_weights().sha256,
        }  # fmt: skip


def test_luma_only():
    for settings in ({}, {"profile": "lowpass"}, {"method": "none", "profile": "lowpass"}):
        assert make(**settings).profiles.shape[1] == 3
        assert make(chroma_planes=False, **settings).profiles.shape[1] == 1
    assert make([random_frame(16, 16, chroma="400")], profile="lowpass").profiles.shape[1] == 1


def test_a_prior_is_mixed_in():
    plain = make()
    own = plain.profiles
    prior = at_size(package_weights().profiles["features"], max(plain.width, plain.height))
    for share in (0.25, 1.0):
        made = make(profile_prior=share)
        low = [t / t[..., :3, :3].mean((-2, -1), keepdims=True) for t in (own.astype(float), prior.astype(float))]
        want = (1 - share) * low[0] + share * low[1]
        np.testing.assert_allclose(made.profiles, want / want.mean((2, 3), keepdims=True), rtol=1e-4)
        assert (made.meta["profile"]["kind"], made.meta["profile"]["prior"]) == ("own", share)
    np.testing.assert_array_equal(mixed(own, prior, 0), own)
    assert make(method="activity", profile_prior=0.5).profiles is None


def test_a_grey_picture_takes_lumas_prior():
    made = make([random_frame(24, 24, chroma="400")], profile_prior=1.0)
    prior = at_size(package_weights().profiles["features"], 24)
    np.testing.assert_allclose(made.profiles[0, 0], prior[0], rtol=1e-4)


# --- files of mean profiles ---


def saved(path: Path, **changes) -> Path:
    MeanProfile(lowpass(), 5, "a", "features", {"seed": 0}).save(path)
    if changes:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_a_file_comes_back(tmp_path):
    read = MeanProfile.load(saved(tmp_path / "p.json"))
    np.testing.assert_allclose(read.tables, lowpass(), rtol=1e-4, atol=1e-6)
    assert (read.pictures, read.detector, read.target, read.settings) == (5, "a", "features", {"seed": 0})
    assert len(read.sha256) == 64


def test_a_map_with_a_file(tmp_path):
    path = saved(tmp_path / "p.json")
    for method in ("jacobian", "activity", "none"):
        made = make(method=method, profile=str(path))
        np.testing.assert_array_equal(made.profiles[1], MeanProfile.load(path).tables)
        assert made.meta["profile"] == {
            "kind": "file", "sha256": MeanProfile.load(path).sha256, "detector": "a", "target": "features",
            "pictures": 5,
        }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "something"},
        {"planes": 1},
        {"pictures": 0},
        {"pictures": "many"},
        {"settings": []},
        {"detector": 3},
        {"target": None},
        {"profiles": None},
        {"profiles": []},
        {"profiles": [[[1.0] * 8] * 7]},
        {"profiles": [[[1.0] * 8] * 8] * 2, "planes": 2},
        {"profiles": [[["x"] * 8] * 8], "planes": 1},
        {"profiles": [[["1"] * 8] * 8], "planes": 1},
        {"profiles": [[[True] * 8] * 8], "planes": 1},
        {"profiles": [[[1.0] * 8] * 8], "planes": True},
        {"profiles": [[[-1.0] * 8] * 8], "planes": 1},
        {"profiles": [[[float("nan")] * 8] * 8], "planes": 1},
        {"profiles": [[[0.0] * 8] * 8], "planes": 1},
        {"profiles": [[[10**299] * 8] * 8], "planes": 1},
        {"profiles": [[[1.0] * 8] * 8, 3], "planes": 1},
    ],
)
def test_damaged_files(tmp_path, change):
    with pytest.raises(IdseError, match=r"p\.json: no frequency profile, or damaged") as refused:
        MeanProfile.load(saved(tmp_path / "p.json", **change))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 50000, b" " * (1 << 20) + b"{}"])
def test_files_that_are_no_profile(tmp_path, content):
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(IdseError, match="no frequency profile, or damaged") as refused:
        MapMaker(ImportanceSettings("none", profile=str(tmp_path / "p.json")))
    assert "\n" not in str(refused.value)


def test_files_of_later_versions_and_missing_ones(tmp_path):
    with pytest.raises(IdseError, match="a profile of version 2; this version reads 1"):
        MeanProfile.load(saved(tmp_path / "p.json", version=2))
    with pytest.raises(IdseError, match="profile 'lowpas': no such file; choose own, none, embedded, lowpass or"):
        MapMaker(ImportanceSettings("none", profile="lowpas"))
    with pytest.raises(IdseError, match="cannot read the profile"):
        MeanProfile.load(tmp_path)
    with pytest.raises(IdseError, match="cannot write the profile"):
        saved(tmp_path / "absent" / "p.json")


@pytest.mark.parametrize("value", ["", 3, None])
def test_settings_that_name_no_profile(value):
    with pytest.raises(IdseError, match=r"profile .*: must be own, none, embedded, lowpass or the name of a file"):
        ImportanceSettings(profile=value)


def test_the_mean_counts_every_picture_alike():
    tables = np.stack([lowpass(), np.ones((3, 8, 8), np.float32)])
    total = ProfileSum()
    total.add(tables[:1] * 1000)
    total.add(tables[1:])
    np.testing.assert_allclose(total.mean(), tables.mean(0), rtol=1e-5)
    assert total.pictures == 2
    with pytest.raises(IdseError, match="with and without chroma"):
        total.add(tables[:, :1])


def test_mean_one():
    np.testing.assert_allclose(with_mean_one(lowpass() * 7).mean((1, 2)), 1, rtol=1e-6)


def test_stored_profiles_need_no_torch(tmp_path):
    """A uniform map with the embedded network's profile, as for an encode without a detector."""
    code = (
        "import sys\nimport numpy as np\nfrom idse.media.frame import Frame\n"
        "from idse.importance import ImportanceSettings, MapMaker\n"
        "frame = Frame.from_rgb(np.zeros((16, 16, 3), np.uint8))\n"
        "made = MapMaker(ImportanceSettings('none', profile='embedded'))([frame])\n"
        "assert made.profiles.shape == (1, 3, 8, 8)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
