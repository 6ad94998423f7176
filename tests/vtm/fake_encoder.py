"""Behaves like VTM's EncoderApp as far as the engine sees; `--Fake=...` makes it fail in some way.

Copied into a made-up checkout by `test_engine.py`, after a line that says whether it is PATCHED. Of an older patch
(PATCHED = "old") it has no frequency weights.
"""

import os
import subprocess
import sys
import time

if sys.argv[1:] == ["--help"]:
    print("Usage: ..." + "\n  --IDSEWeightMap  ..." * bool(PATCHED) + "\n  --IDSEGamma  ..." * (PATCHED is True))  # noqa: F821
    sys.exit(1)
options = dict(a[2:].split("=", 1) for a in sys.argv[1:] if a.startswith("--"))
fake = options.pop("Fake", "")
if not PATCHED and any(name.startswith("IDSE") for name in options):  # noqa: F821
    print("command line error: Unknown option `IDSEProgress' (value:`1')", file=sys.stderr)
    sys.exit(1)
assert sys.argv[1] == "-c"
assert os.path.isfile(sys.argv[2])
width, height, frames, qp = (
    int(options[n]) for n in ("SourceWidth", "SourceHeight", "FramesToBeEncoded", "QP")
)
depth, chroma = int(options["InputBitDepth"]), options["InputChromaFormat"]
samples = width * height + (0 if chroma == "400" else 2 * ((width + 1) // 2) * ((height + 1) // 2))
with open(options["InputFile"], "rb") as file:
    source = file.read()
assert len(source) == frames * samples * (1 if depth == 8 else 2)

print("\nVVCSoftware: VTM Encoder Version 99 [made up]")
print("TOOL CFG: LFNST:1 Reshape:1 (Signal:SDR Opt:0 CSoffset:2) MRL:1", flush=True)
if fake == "parameter":
    print("Error: Height should be 2^n\n", file=sys.stderr)
    sys.exit(1)
if fake == "throw":
    print("terminate called after throwing an instance of 'Exception'", file=sys.stderr)
    print("  what():  \nFailed to write reconstructed YUV file: x\n", file=sys.stderr, flush=True)
    os.abort()
if fake == "segfault":
    os.kill(os.getpid(), 11)
if fake == "killed":
    os.kill(os.getpid(), 9)
if fake.startswith(("hang", "leave")):
    child = subprocess.Popen(["sleep", "600"])  # what is left behind must end too
    with open(os.environ["FAKE_PIDS"] + ".part", "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    os.rename(os.environ["FAKE_PIDS"] + ".part", os.environ["FAKE_PIDS"])
if fake == "hang-deaf":
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
weights = options.get("IDSEWeightMap")
if weights:
    with open(weights, "rb") as file:
        data = file.read()
    assert data[:8] == b"IDSEW001"
    assert (b"FREQ" in data) == ("IDSEGamma" in options)
    print("IDSE weight map: cells of 8x8, 3 planes, LMCS off")
    print("IDSE chroma QP offset: cb -2 cr -3")
if options.get("ScalingList") == "2":
    with open(options["ScalingListFile"], encoding="ascii") as file:
        print("IDSE test list " + file.read().splitlines()[1])
with open(options["BitstreamFile"], "wb") as stream, open(options["ReconFile"], "wb") as recon:
    stream.write(b"\0\0\0\1\0\x79SPS-SPS" + b"\0\0\1\0\x81PPS")
    for number in range(frames):
        for ctu in range(4):
            if options.get("IDSEProgress") == "1":
                print(f"\nIDSE progress {ctu} 4 {number}", flush=True)
            if fake.startswith("hang") and ctu == 2:
                time.sleep(600)
        if number < frames - (fake == "short-stream"):
            stream.write(b"\0\0\1\0\x89APS" + b"\0\0\1\0\x41" + b"slice" * (number + 1))
            if options["SEIDecodedPictureHash"] == "1":
                stream.write(b"\0\0\1\0\xc1HASH")
        step = samples * (1 if depth == 8 else 2)
        for sample in memoryview(source[number * step : (number + 1) * step]).cast(
            "B" if depth == 8 else "H"
        ):
            recon.write((sample << (10 - depth)).to_bytes(2, "little"))
        print(f"POC {number:4d} LId:  0 TId: 0 ( IDR_N_LP, I-SLICE, QP {qp} )       1336 bits "
              "[Y 33.5637 dB    U 39.5987 dB    V 39.1354 dB] [ET     0 ] [L0] [L1]", flush=True)  # fmt: skip
if fake == "short-recon":
    os.truncate(options["ReconFile"], 100)
if weights:
    print("\nIDSE weighted distortion calls: 123 of 456 (26.97 %)")
print("\n Total Time:        0.486 sec. [user]        0.485 sec. [elapsed]")
