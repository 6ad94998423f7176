"""Every mistake of the user's: one clear line, exit code 2, no file left behind.

`python tests/cli/test_errors.py > docs/errors.md` writes the table for people.
"""

from __future__ import annotations

import os
import re
import resource
import shlex
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idse.cli.main import main

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"

# What is wrong, the command, the line (… stands for anything).
CASES = [
    ("no such file", "encode absent.png", "absent.png: no such file"),
    ("a file of zero bytes", "encode empty.png", "empty.png: the file is empty"),
    ("a raw file of zero bytes", "encode empty_64x64_8bit_420.yuv", "…: the file is empty"),
    ("a raw file of unknown size", "encode clip.yuv", "…give --size WIDTHxHEIGHT"),
    ("a raw file of unknown format", "encode two.yuv --size 64x64", "…give --bit-depth and --chroma"),
    ("a raw file cut short", "encode short_64x64_8bit_420.yuv", "…not a whole number of 64x64 frames (6144 bytes each…"),
    ("a wrong size", "encode clip.yuv --size 64x60 --chroma 420", "…not a whole number of 64x60 frames…--size…"),
    ("a size that is none", "encode clip.yuv --size 64by64", "size '64by64': must look like 1920x1080"),
    ("a wrong bit depth", "encode bright_64x64_10bit_420.yuv", "…too large for 10 bit: check --bit-depth"),
    ("a bit depth out of range", "encode clip.yuv --size 64x64 --bit-depth 7", "--bit-depth 7: must be 8..16"),
    ("a bit depth beyond the encoder", "encode deep_64x64_12bit_420.yuv", "bit depth 12: the native engine takes 8..10…"),
    ("a chroma format that cannot be coded", "encode clip_64x64_8bit_444.yuv", "…convert the file to 4:2:0 or 4:0:0"),
    ("an odd size in 4:2:0", "encode odd_63x64_8bit_420.yuv", "4:2:0 needs an even width and height, not 63x64; crop or pad…"),
    ("frames beyond the end", "encode clip.yuv --size 64x64 --frames 0:5", "clip.yuv: has 1 frames, frames 0:5 asked for…"),
    ("frames beyond a picture", "encode good.png --frames 1:2", "good.png: frames 1:2 requested, but the file ends before…"),
    ("a frame range that is none", "encode good.png --frames 7:2", "frames '7:2': selects no frame"),
    ("a corrupt PNG", "encode corrupt.png", "corrupt.png: not a readable picture, or damaged…"),
    ("a truncated JPEG", "encode truncated.jpg", "truncated.jpg: not a readable picture, or damaged…"),
    ("a text called JPEG", "encode text.jpg", "text.jpg: not a readable picture, or damaged…"),
    ("an unknown kind of file", "encode notes.txt", "notes.txt: not a readable picture or video…"),
    ("a Y4M file of 4:2:2", "encode wide.y4m", "wide.y4m: chroma format C422 cannot be coded: convert…"),
    ("a Y4M file cut short", "encode short.y4m", "short.y4m: the file ends in the middle of a frame"),
    ("a text called Y4M", "encode text.y4m", "text.y4m: not a Y4M file…"),
    ("a folder without pictures", "encode nothing", "nothing: contains no pictures…"),
    ("QP out of range", "encode good.png --qp 64", "qp 64: must be 0..63"),
    ("QP that is no number", "encode good.png --qp low", "Invalid value for '--qp'…"),
    ("an unknown preset", "encode good.png --preset warp", "preset 'warp' is unknown: choose one of 0 (faster)…"),
    ("no threads", "encode good.png --threads 0", "threads 0: must be 1..1024"),
    ("a CTU size that is none", "encode good.png --ctu 96", "ctu size 96: must be 64 or 128"),
    ("two targets", "encode good.png --target-bytes 900 --target-bpp 1", "target bytes and target bpp: give one…"),
    ("a target of nothing", "encode good.png --target-bpp 0", "target bpp 0.0: must be above 0"),
    ("an engine that is not here", "encode good.png --engine hevc", "engine 'hevc' is unknown: this version has native, vtm, x265, svtav1, x264, jpeg, learned"),
    ("a map for an engine without weights", "encode good.png --engine x265 --importance activity", "the x265 engine takes no weights: use --importance none, or…"),
    ("a QP beyond x265", "encode good.png --engine x265 --qp 52", "qp 52: must be 0..51"),
    ("a quality that is none", "encode good.png --engine jpeg --qp 0", "quality 0: must be 1..100"),
    ("a preset that x265 lacks", "encode good.png --engine x265 --preset 3", "preset '3': the x265 engine has ultrafast, superfast,…"),
    ("a target for an anchor", "encode good.png --engine svtav1 --target-bpp 1", "the svtav1 engine codes at a fixed qp: give --qp instead…"),
    ("a parameter x265 lacks", "encode good.png --engine x265 --codec-param speed=3", "libx265 refuses the parameters (Unknown option: speed): …"),
    ("a value x265 cannot take", "encode good.png --engine x265 --codec-param ctu=7", "libx265 refuses to code 128x96 with these settings (max cu size must be…"),
    ("an anchor's options with another engine", "encode good.png --codec-depth 8", "--codec-depth is for x265, svtav1, x264, jpeg: add…"),
    ("no codec named", "encode good.png --engine learned", "which codec? Give its file with --codec (in a plan: codec); 'idse train' makes…"),
    ("a codec file that is missing", "encode good.png --engine learned --codec absent.idsec", "absent.idsec: no such codec file: make one with 'idse train'"),
    ("a text called codec file", "encode good.png --engine learned --codec notes.txt", "notes.txt: not a trained codec file (*.idsec, made by 'idse train')"),
    ("a damaged codec file", "encode good.png --engine learned --codec changed.idsec", "changed.idsec: the codec file is damaged: copy it again, or make it again with…"),
    ("a codec file cut short", "encode good.png --engine learned --codec short.idsec", "short.idsec: the codec file is damaged: copy it again, or make it again with…"),
    ("a point that the codec lacks", "encode good.png --engine learned --codec good.idsec --qp 2", "point 2: must be 0..1 (0 has the most bits); choose one with --qp"),
    ("a target for a learned codec", "encode good.png --engine learned --codec good.idsec --target-bpp 1", "the learned engine codes at a point of its codec: give --qp…"),
    ("a map for a learned codec", "encode good.png --engine learned --codec good.idsec --qp 0 --importance activity", "the learned engine takes no weights: use…"),
    ("a codec file for another engine", "encode good.png --codec good.idsec", "--codec is for learned codecs: add --engine learned, or…"),
    ("VTM without a checkout", "encode good.png --engine vtm", "which VTM? Set IDSE_VTM_ROOT, or --vtm-root (in a plan: root), to…"),
    ("VTM that is none", "encode good.png --engine vtm --vtm-root nothing", "nothing: no checkout of VTM…"),
    ("VTM's options with another engine", "encode good.png --vtm-mode intra", "--vtm-mode is for VTM: add --engine vtm, or leave…"),
    ("negative tau", "encode good.png --tau -1", "tau -1.0: must be 0 or more"),
    ("tau that is no number", "encode good.png --tau nan", "tau nan: must be 0 or more"),
    ("a clip out of range", "encode good.png --clip-qp 13", "clip qp 13.0: must be 0..12"),
    ("an unknown weight scope", "encode good.png --weight-scope sao", "weight scope 'sao': must be all, none, or…"),
    ("an unknown tuning", "encode good.png --tuning human", "tuning 'human': must be one of machine, balanced, fidelity"),
    ("a tuning and its value", "encode good.png --tuning machine --gamma 1", "tuning and gamma: give one of them"),
    ("gamma out of range", "encode good.png --gamma 3", "gamma 3.0: must be 0..2"),
    ("an unknown frequency scope", "encode good.png --frequency-scope qp", "frequency scope 'qp': must be all, none, rdo or quant"),
    ("scaling lists that are none", "encode good.png --scaling-lists maybe", "scaling lists 'maybe': must be auto, on, off"),
    ("a share of a profile out of range", "encode good.png --profile-prior 2", "profile prior 2.0: must be 0..1"),
    ("a tuning for an engine without weights", "encode good.png --engine x265 --tuning machine", "--tuning: the x265 engine takes no weights; leave it out"),
    ("no projection", "encode good.png --proj-dim 0", "proj dim 0: must be 1..64"),
    ("an unknown sketch", "encode good.png --sketch pencil", "sketch 'pencil': must be one of rademacher,…"),
    ("an unknown importance", "encode good.png --importance luck", "importance 'luck': must be one of jacobian,…"),
    ("an unknown level norm", "encode good.png --level-norm max", "level norm 'max': must be one of none, mean, energy"),
    ("a blend that is no number", "encode good.png --blend-activity nan", "blend activity nan: must be 0..16"),
    ("boxes too fine", "encode good.png --importance roi --roi-qp 13", "roi qp 13.0: must be above 0, at most 12"),
    ("a score out of range", "encode good.png --importance roi --roi-score 2", "roi score 2.0: must be 0..1"),
    ("boxes of two detectors", "encode good.png --importance roi --detector a.onnx --detector b.onnx", "importance roi takes the boxes of one detector, not of 2"),
    ("boxes of no detector", "encode good.png --importance roi", "unknown detector 'embedded': must be an .onnx file or one of…"),
    ("nodes of two detectors", "encode good.png --detector a.onnx+b.onnx --nodes f", "nodes name the features of one detector, not of 2; leave them out"),
    ("a detector without a name", "encode good.png --detector embedded+", "detector 'embedded+': must be a name, or several joined by '+'"),
    ("a size in per cent out of range", "encode good.png --scale 4", "scale 4: must be auto, or per cent, 5..100"),
    ("a size in per cent that is none", "encode good.png --scale half", "scale 'half': must be auto, or per cent, 5..100"),
    ("the best size for no detector", "encode good.png --scale auto --importance activity", "scale auto needs a detector to compare sizes, and importance activity has none: use…"),
    ("the best size for another codec", "encode good.png --scale auto --engine x265", "scale auto compares sizes by VVC, whose choice and QP mean little to the x265 engine: give a number"),
    ("the best size with a map of one", "encode good.png --scale auto --map-in other.idsew", "--map-in is a map of one size: give --scale a number instead of auto"),
    ("a profile beside a map from a file", "encode good.png --map-in other.idsew --profile none", "--profile: the profile is that of the map in --map-in; leave it out (--gamma 0 ignores it)"),
    ("the full size's map for a smaller one", "encode good.png --scale 50 --map-in two.idsew", "two.idsew: the weight map is for pictures of 128x96,…make a map of this input with --scale 50 --map-out"),
    ("a map unit that is none", "encode good.png --unit 12", "--unit 12: must be 1, 2, 4, 8, 16, 32, 64 or 128"),
    ("an unknown detector", "encode good.png --detector hawk", "unknown detector 'hawk': must be embedded, an .onnx…"),
    ("missing weights", "encode good.png --weights absent.pt", "absent.pt: no such file; --weights (in a plan: weights) names…"),
    ("weights that are none", "encode good.png --weights notes.txt", "notes.txt: not a weights file of the embedded extractor…"),
    ("a missing ONNX file", "encode good.png --detector absent.onnx", "cannot read the detector absent.onnx: No such…"),
    ("a corrupt ONNX file", "encode good.png --detector corrupt.onnx", "corrupt.onnx: no ONNX model, or a corrupt one"),
    ("an ONNX file without features", "encode good.png --detector flat.onnx", "flat.onnx: found no feature maps…"),
    ("an ONNX file without gradients", "encode good.png --detector steps.onnx --nodes f", "no gradient flows from the outputs of steps to the picture; use…"),
    ("an unknown feature node", "encode good.png --detector steps.onnx --nodes x", "steps.onnx: no tensor 'x'…"),
    ("detections of outputs that are not known", "encode good.png --detector steps.onnx --nodes f --target detections", "steps.onnx: outputs [3, 64, 64] have no known layout; declare layout or outputs in steps.onnx.json …; or choose --target features"),
    ("outputs that are not in the ONNX file", "encode good.png --detector named.onnx --nodes f --target detections", "named.onnx.json: outputs: no tensor 'boxes' of named.onnx depends on the picture; its outputs are f"),
    ("one tensor as scores and as boxes", "encode good.png --detector twice.onnx --nodes f", "twice.onnx.json: outputs: scores and boxes are both 'f'; name two tensors"),
    ("detections that no change can move", "encode good.png --detector sure.onnx --nodes f --target detections", "no change of the picture moves a box or score of sure; choose --target both or features"),
    ("an unknown device", "encode good.png --device tpu", "device 'tpu': must be cpu, cuda or auto"),
    ("CUDA where there is none", "encode good.png --device cuda", "device cuda: there is no CUDA device here; use…"),
    ("a missing map", "encode good.png --map-in absent.idsew", "cannot read the weight map absent.idsew: No such file…"),
    ("another picture's map", "encode good.png --map-in other.idsew", "other.idsew: the weight map is for pictures of 32x32,…"),
    ("another video's map", "encode good.png --map-in two.idsew", "two.idsew: the weight map has 2 frame(s), the input 1…"),
    ("a map cut short", "encode good.png --map-in short.idsew", "short.idsew: the weight map is truncated: … bytes of …"),
    ("a map with NaN", "encode good.png --map-in nan.idsew", "nan.idsew: the weight map holds values that are not finite…"),
    ("a negative map", "encode good.png --map-in negative.idsew", "negative.idsew: the weight map holds negative values…"),
    ("a text called map", "encode good.png --map-in notes.txt", "notes.txt: no weight map…"),
    ("an output folder that is missing", "encode good.png -o absent/x.266", "…the folder absent does not exist; make it first"),
    ("an output that is a folder", "encode good.png -o nothing", "cannot write nothing: it is a folder; name a file"),
    ("an output below a file", "encode good.png -o notes.txt/x.266", "cannot write notes.txt/x.266: …"),
    ("an unwritable folder", "encode good.png -o /proc/x.266", "cannot write /proc/x.266: …; choose another folder"),
    ("the output is the input", "encode good.png -o good.png", "good.png: would overwrite the input; choose another…"),
    ("one file for two outputs", "encode good.png -o x.266 --recon x.266", "x.266: named for two outputs; choose…"),
    ("a full disk", "encode good.png -o /dev/full", "cannot write /dev/full: No space left on device"),
    ("a full disk for the reconstruction", "encode good.png --recon /dev/full", "cannot write /dev/full: No space left…"),
    ("one map for a folder", "encode pictures --map-out x.idsew", "--map-out names one file, pictures is a folder…"),
    ("a file as output folder", "encode pictures -o notes.txt", "notes.txt: is a file; for a folder of pictures -o must…"),
    ("no map to write", "map good.png --importance none", "--importance none makes no map: choose jacobian, activity or roi"),
    ("several inputs for one map", "map good.png good.png", "several inputs: a map is of one file; --profile FILE writes the mean profile of many"),
    ("a mean profile and a map", "map good.png --profile x.json -o x.idsew", "--profile writes no map: leave out --output, --heatmap and --roi"),
    ("a mean profile without a detector", "map good.png --profile x.json --importance activity", "--profile averages what detectors' gradients show: choose jacobian…"),
    ("a mean profile of a missing picture", "map good.png absent.png --profile x.json", "absent.png: no such file"),
    ("a mean profile over a picture", "map good.png --profile good.png", "good.png: would overwrite the input; choose another name"),
    ("a kind of profile as a file", "map good.png --profile lowpass", "--profile lowpass: names a file to write; --use-profile lowpass chooses…"),
    ("a profile of no kind", "map good.png --use-profile ''", "profile '': must be own, none, embedded, lowpass or the name of a file"),
    ("a profile that is missing", "map good.png --use-profile absent.json", "profile 'absent.json': no such file; choose own, none, embedded, lowpass or…"),
    ("a text called profile", "map good.png --use-profile notes.txt", "notes.txt: no frequency profile, or damaged; idse map --profile writes such files"),
    ("a profile of a later version", "map good.png --use-profile later.json", "later.json: a profile of version 9; this version reads 1"),
    ("no stream", "decode absent.266 -o x.png", "absent.266: no such file"),
    ("a text called stream", "decode text.266 -o x.png", "text.266: not a VVC stream, or damaged…"),
    ("a stream cut short", "decode short.266 -o x.png", "short.266: not a VVC stream, or damaged…"),
    ("a stream that was changed", "decode changed.266 -o x.png", "changed.266: …"),
    ("a learned codec's stream without its codec", "decode good.idsl -o x.png", "good.idsl: a learned codec's stream: give the codec file with --codec"),
    ("a learned codec's stream that is missing", "decode absent.idsl --codec good.idsec -o x.png", "absent.idsl: cannot be read (No such file or directory)"),
    ("a stream of no learned codec", "decode good.266 --codec good.idsec -o x.png", "good.266: not a learned codec's stream (it does not start…"),
    ("a learned codec's stream cut short", "decode short.idsl --codec good.idsec -o x.png", "short.idsl: the stream is cut short: copy it or encode it again"),
    ("a learned codec's stream that was changed", "decode changed.idsl --codec good.idsec -o x.png", "changed.idsl: the stream is damaged (its checksum is wrong):…"),
    ("another learned codec's stream", "decode other.idsl --codec good.idsec -o x.png", "other.idsl: not made by codec 'icm': give the codec file…"),
    ("a frame beyond a learned codec's stream", "decode good.idsl --codec good.idsec -o x.png --frames 1:2", "good.idsl: has 1 frames, frames 1:2 asked…"),
    ("no output named", "decode good.266", "Missing option '-o' / '--output'."),
    ("a size to decode to that is none", "decode good.266 -o x.png --size 64by64", "size '64by64': must look like 1920x1080"),
    ("a size to decode to that is too large", "decode good.266 -o x.png --size 99999x99999", "--size 99999x99999: 1 frame(s) of this size do not fit in memory: choose…"),
    ("an unknown kind of output", "decode good.266 -o x.gif", "x.gif: unknown kind of output '.gif': use .png, .jpg,…"),
    ("several frames for one picture", "decode two.266 -o x.png", "x.png: a picture has one frame, but 2 were given: choose one with --frames…"),
    ("a frame beyond the stream", "decode good.266 -o x.png --frames 1:2", "good.266: frames 1:2 requested, but the file ends…"),
    ("a text for info", "info text.266", "text.266: not a VVC stream (it has no sequence parameter set)"),
    ("a learned codec's stream cut short for info", "info short.idsl", "short.idsl: the stream is cut short: …"),
    ("nothing for info", "info absent.266", "absent.266: cannot be read (No such file or directory)"),
    ("an unknown option", "encode good.png --speed 3", "No such option…--speed…"),
    ("an unknown command", "transcode good.png", "No such command 'transcode'.…"),
    ("no input", "encode", "Missing argument 'INPUT'."),
    ("no plan", "sweep", "give a plan (idse sweep plan.toml), or --images with the other options"),
    ("an absent plan", "sweep absent.toml", "absent.toml: no such plan"),
    ("a text called plan", "sweep notes.txt", "notes.txt: no TOML: …"),
    ("an unknown codec to measure", "sweep --images pictures --codec av2", "plan: codec with engine 'av2': must be one of native,…"),
    ("a learned codec to measure without its file", "sweep --images pictures --codec learned", "plan: codec 'learned': which codec? …"),
    ("a learned codec's file that is missing", "sweep --images pictures --codec learned:codec=absent.idsec", "plan: codec 'learned': …absent.idsec: no such…"),
    ("a point beyond a learned codec's", "sweep --images pictures --codec learned:codec=good.idsec,qp=7", "codec 'learned': point 7: must be 0..1 (0 has the most bits); choose one with --qp"),
    ("a QP beyond a codec's", "sweep --images pictures --codec x265 --qp 60", "plan: codec 'x265': qp 60: x265 takes 0..51"),
    ("QPs that are no numbers", "sweep --images pictures --qp low", "--qp 'low': must be numbers separated by commas"),
    ("an absent data set", "sweep --images absent --kind folder", "…absent: no such folder"),
    ("annotations that are none", "sweep --images pictures --annotations notes.txt", "…notes.txt: is not a JSON file…"),
    ("an unknown detector to measure with", "sweep --images pictures --detector resnet", "unknown detector 'resnet': must be…"),
    ("a corrupt detector to measure with", "sweep --images pictures --detector corrupt.onnx", "…corrupt.onnx: …"),
    ("what a codec cannot do", "sweep --images pictures --codec svtav1:cb_qp_offset=-3", "codec 'svtav1': the svtav1 engine takes no chroma QP offsets…"),
    ("a tuning to measure with that is none", "sweep --images pictures --importance activity --tuning human", "plan: codec 'activity map': tuning 'human': must be one of machine, balanced, fidelity"),
    ("a text called store", "sweep --images pictures --store notes.txt", "notes.txt: is not a store of results, or cannot be opened…"),
    ("a folder called store", "sweep --images pictures --store nothing", "nothing: is a folder: name a file for the results"),
    ("no processes", "sweep --images pictures --jobs 0", "--jobs 0: must be at least 1"),
    ("nothing to evaluate", "eval absent.idsec --images pictures", "absent.idsec: no such file: give a trained codec…or an engine: …"),
    ("a folder without a codec", "eval pictures --images pictures", "pictures: no codec.idsec in this folder: …"),
    ("a text called codec to evaluate", "eval notes.txt --images pictures", "…notes.txt: …"),
    ("a point beyond an evaluated codec's", "eval good.idsec --images pictures --qp 7", "…codec 'good': point 7: must be 0..1 (0 has the most bits); choose one with --qp"),
    ("a task model of no detector", "eval good.idsec --images pictures --task-model x=y.onnx", "--task-model x=y.onnx: no --detector is called 'x'…"),
    ("a task model without a detector's name", "eval good.idsec --images pictures --task-model y.onnx", "--task-model y.onnx: must look like DETECTOR=FILE-{qp}.onnx"),
    ("nowhere to write figures", "eval jpeg --images pictures --qp 20 --json absent/x.json", "…the folder absent does not exist; make it first"),
    ("no results to report", "report absent.sqlite", "absent.sqlite: no such store of results"),
    ("a text called results", "report notes.txt", "notes.txt: is not a store of results…"),
    ("no results to compare", "compare absent.sqlite good.png", "absent.sqlite: …"),
    ("nothing to train", "train", "give a configuration (idse train CONFIG.toml), or a run to resume (--resume RUN)"),
    ("no configuration", "train absent.toml", "absent.toml: no such configuration"),
    ("a text called configuration", "train notes.txt", "notes.txt: no TOML: …"),
    ("an unknown setting of a training", "train typo.toml", "typo.toml: unknown key 'chanels' in codec: it takes blocks, channels,…"),
    ("a training without pictures", "train lost.toml", "…absent: no such folder"),
    ("no picture left to train with", "train few.toml", "pictures has 1 pictures, and validation takes 1: none is left…"),
    ("no weights to begin with", "train bare.toml", "…absent.idsec: no such codec file: make one with 'idse train'"),
    ("a folder of something else", "train small.toml -o pictures", "pictures: is not empty and not a run of idse train: choose another -o"),
    ("a file as folder of a training", "train small.toml -o notes.txt", "notes.txt: is a file, but a run needs a folder: choose another -o"),
    ("no run to go on with", "train --resume absent", "absent: no such run or checkpoint"),
    ("a folder that is no run", "train --resume nothing", "nothing: not a run of idse train: give the configuration too"),
    ("a picture called checkpoint", "train --resume good.png", "good.png: not a checkpoint of a run: give a path like…"),
    ("a damaged checkpoint", "train --resume damaged", "damaged/checkpoints/epoch-0001.pt: damaged, or not a checkpoint of idse train"),
    ("another training's folder", "train other.toml -o damaged", "damaged: has checkpoints of another configuration: choose another -o,…"),
    ("two folders for a training", "train --resume damaged -o x", "--resume continues in damaged: remove -o"),
    ("no checkpoint to choose", "train small.toml --select-only", "runs/small: has no checkpoint to choose from: train first"),
    ("no threads to train with", "train small.toml --threads 0", "--threads 0: must be 1..1024"),
    ("an unknown device to train on", "train small.toml --device tpu", "device 'tpu': must be cpu, cuda or auto"),
    ("CUDA to train on where there is none", "train small.toml --device cuda", "device cuda: there is no CUDA device here; use…"),
]  # fmt: skip


def make_map(path: Path, width: int, height: int, values: np.ndarray) -> None:
    rows, columns = -(-height // 8), -(-width // 8)
    planes = np.broadcast_to(values, (len(values), 1, rows, columns)).astype("<f4")
    path.write_bytes(b"IDSEW001" + struct.pack("<5I", width, height, len(values), 3, 1) + planes.tobytes())


def make_onnx(folder: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto

    def save(name: str, nodes: list, output: tuple) -> None:
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info("images", kind.FLOAT, [1, 3, 64, 64])],
            [helper.make_tensor_value_info(*output)],
        )
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), folder / f"{name}.onnx"
        )

    save(
        "flat",
        [helper.make_node("ReduceMean", ["images"], ["m"], keepdims=0)],
        ("m", kind.FLOAT, []),
    )
    save("steps", [helper.make_node("Sign", ["images"], ["f"])], ("f", kind.FLOAT, [1, 3, 64, 64]))
    save("named", [helper.make_node("Neg", ["images"], ["f"])], ("f", kind.FLOAT, [1, 3, 64, 64]))
    (folder / "named.onnx.json").write_text('{"outputs": {"scores": "f", "boxes": "boxes"}}')
    save("twice", [helper.make_node("Neg", ["images"], ["f"])], ("f", kind.FLOAT, [1, 3, 64, 64]))
    (folder / "twice.onnx.json").write_text('{"outputs": {"scores": "f", "boxes": "f"}}')
    nodes = [
        helper.make_node("Neg", ["images"], ["f"]),
        helper.make_node("ReduceMean", ["f"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Relu", ["mean"], ["scores"]),  # 0 for every picture, and its derivative too
        helper.make_node("AveragePool", ["f"], ["pooled"], kernel_shape=[1, 16], strides=[1, 16]),
        helper.make_node("ReduceMean", ["pooled"], ["boxes"], axes=[1], keepdims=0),
    ]
    save("sure", nodes, ("boxes", kind.FLOAT, [1, 64, 4]))
    (folder / "sure.onnx.json").write_text('{"outputs": {"scores": "scores", "boxes": "boxes"}}')


def make_codec(folder: Path, frame, request) -> None:
    """A learned codec, its stream, and what can be wrong with both."""
    try:
        import compressai  # noqa: F401
    except ImportError:
        return  # the cases that need one are skipped
    from idse.learned.coding.coder import encode_frames

    make = request.getfixturevalue("untrained_codec")
    make("icm").save(folder / "good.idsec")
    stream = encode_frames(make("icm"), 0, [frame]).data
    (folder / "good.idsl").write_bytes(stream)
    (folder / "other.idsl").write_bytes(encode_frames(make("icm", seed=7), 0, [frame]).data)
    for name in ("good.idsec", "good.idsl"):
        data = bytearray((folder / name).read_bytes())
        (folder / name.replace("good", "short")).write_bytes(data[: len(data) // 2])
        data[len(data) // 2] ^= 0x55
        (folder / name.replace("good", "changed")).write_bytes(data)


def make_trainings(folder: Path) -> None:
    """Configurations, and a run whose checkpoint is damaged."""

    def config(images: str = "photos", channels: str = "channels = 8", more: str = "") -> str:
        return (
            f'[data]\nkind = "folder"\nimages = "{images}"\ncrop = 64\nbatch = 1\nvalidation = 1\n'
            f'[codec]\nsystem = "icm"\n{channels}\n{more}\n[[schedule.phases]]\nepochs = 1\nrate = 0.1\n'
            '[selection]\nmetric = "psnr"\n'
        )

    (folder / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (folder / "photos" / name).write_bytes((folder / "good.png").read_bytes())
    for name, text in (
        ("small", config()),
        ("other", config(channels="channels = 16")),
        ("typo", config(channels="chanels = 8")),
        ("lost", config("absent")),
        ("few", config("pictures")),
        ("bare", config(more='init = "absent.idsec"')),
    ):
        (folder / f"{name}.toml").write_text(text)
    (folder / "damaged" / "checkpoints").mkdir(parents=True)
    (folder / "damaged" / "config.toml").write_text(config())
    (folder / "damaged" / "origin").write_text(f"{folder}\n")
    (folder / "damaged" / "checkpoints" / "epoch-0001.pt").write_bytes(b"PK\3\4 and no more")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_frame, request):
    """Files that something is wrong with."""
    from idse.engines import EncodeSettings, get_engine
    from idse.media import still

    f = tmp_path_factory.mktemp("errors")
    (f / "nothing").mkdir()
    (f / "pictures").mkdir()
    still.write_picture(f / "good.png", small_frame)
    still.write_picture(f / "pictures" / "a.png", small_frame)
    png = (f / "good.png").read_bytes()
    (f / "corrupt.png").write_bytes(png[:3000] + bytes(100) + png[3100:])
    Image.open(f / "good.png").save(f / "truncated.jpg")
    (f / "truncated.jpg").write_bytes((f / "truncated.jpg").read_bytes()[:1500])
    for name in ("text.jpg", "notes.txt", "text.266", "text.y4m", "corrupt.onnx"):
        (f / name).write_text("All work and no play makes Jack a dull boy.\n" * 40)
    (f / "later.json").write_text('{"kind": "idse-profile", "version": 9}')
    for name in ("empty.png", "empty_64x64_8bit_420.yuv"):
        (f / name).touch()
    frame = 64 * 64 * 3 // 2
    for name, size in (("clip", 1), ("two", 2), ("bright_64x64_10bit_420", 2), ("deep_64x64_12bit_420", 2)):
        (f / f"{name}.yuv").write_bytes(
            (b"\xff\xff" if name.startswith("bright") else b"\1\1") * (size * frame // 2)
        )
    (f / "short_64x64_8bit_420.yuv").write_bytes(bytes(frame - 5))
    (f / "clip_64x64_8bit_444.yuv").write_bytes(bytes(2 * frame))
    (f / "odd_63x64_8bit_420.yuv").write_bytes(bytes(63 * 64 + 2 * 32 * 32))
    (f / "wide.y4m").write_bytes(b"YUV4MPEG2 W64 H64 F25:1 C422\nFRAME\n" + bytes(2 * 64 * 64))
    (f / "short.y4m").write_bytes(b"YUV4MPEG2 W64 H64 F25:1 C420\nFRAME\n" + bytes(4000))
    ones = np.ones((1, 1, 1, 1))
    make_map(f / "other.idsew", 32, 32, ones)
    make_map(f / "two.idsew", 128, 96, np.ones((2, 1, 1, 1)))
    make_map(f / "nan.idsew", 128, 96, ones * np.nan)
    make_map(f / "negative.idsew", 128, 96, -ones)
    make_map(f / "short.idsew", 128, 96, ones)
    (f / "short.idsew").write_bytes((f / "short.idsew").read_bytes()[:-9])
    stream = get_engine("native").encode([small_frame], None, EncodeSettings(preset=0)).data
    (f / "good.266").write_bytes(stream)
    (f / "two.266").write_bytes(
        get_engine("native").encode([small_frame] * 2, None, EncodeSettings(preset=0)).data
    )
    (f / "short.266").write_bytes(stream[: len(stream) // 2])
    middle = len(stream) // 2
    (f / "changed.266").write_bytes(
        stream[:middle] + bytes(b ^ 0x55 for b in stream[middle:-60]) + stream[-60:]
    )
    make_onnx(f)
    make_codec(f, small_frame, request)
    make_trainings(f)
    return f


@pytest.mark.parametrize(("what", "command", "line"), CASES, ids=[c[0].replace(" ", "-") for c in CASES])
def test_one_line(folder, monkeypatch, capfd, what, command, line):
    if "CUDA" in what:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a CUDA device here")
    if re.search(r"learned|^train|^eval notes|\.ids(l|ec)\b", command):
        pytest.importorskip("compressai", reason="learned codecs need compressai")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("IDSE_VTM_ROOT", raising=False)
    before = sorted(folder.rglob("*"))
    assert main(shlex.split(command)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    expected = "idse: error: " + line
    assert re.fullmatch(".*".join(map(re.escape, expected.split("…"))), err.rstrip("\n")), err
    assert sorted(folder.rglob("*")) == before


def run(folder: Path, *arguments: str, **options) -> subprocess.Popen:
    """Start idse in a folder (not in the source tree, whose idse is not built)."""
    return subprocess.Popen(
        [sys.executable, "-m", "idse", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def noise(tmp_path) -> Path:
    """A picture that takes long."""
    path = tmp_path / "noise_1920x1080_8bit_420.yuv"
    path.write_bytes(
        np.random.default_rng(0).integers(0, 256, 1920 * 1080 * 3 // 2, dtype=np.uint8).tobytes()
    )
    return path


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_encode_leaves_nothing(noise, sent):
    arguments = ("encode", str(noise), "--importance", "activity", "--qp", "10", "--preset", "medium")
    # As from a terminal, whatever started pytest: shells have background jobs ignore Ctrl-C.
    process = run(noise.parent, *arguments, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while "_native" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    time.sleep(1)  # now it reads, makes the map or encodes
    process.send_signal(sent)
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err, time.monotonic() - began)
    assert time.monotonic() - began < 20
    assert (out, err) == ("", "idse: error: interrupted; no incomplete file is left behind\n")
    assert os.listdir(noise.parent) == [noise.name]


def test_disk_full_in_the_middle(folder, tmp_path):
    """The file-size limit stands in for a disk: the stream fits, the reconstruction does not."""
    small = tmp_path / "x.266"
    small.write_bytes(b"old")
    process = run(
        tmp_path, "encode", str(folder / "good.png"), "-o", str(small), "--recon", str(tmp_path / "x.yuv"), "--importance", "none",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)),
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert err == f"idse: error: cannot write {tmp_path}/x.yuv: File too large\n"
    assert os.listdir(tmp_path) == ["x.266"]
    assert small.read_bytes() == b"old"


def test_torch_missing(folder, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    process = run(tmp_path, "encode", str(folder / "good.png"), "-o", "x.266", env=env)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == (
        "idse: error: a detector's map needs torch (no torch here): pip install torch, or choose activity\n"
    )


def test_a_bad_picture_does_not_end_the_folder(folder, tmp_path, capfd):
    pictures, streams = tmp_path / "in", tmp_path / "out"
    pictures.mkdir()
    for name in ("a.png", "c.png"):
        (pictures / name).write_bytes((folder / "good.png").read_bytes())
    (pictures / "b.png").write_bytes((folder / "corrupt.png").read_bytes())
    arguments = ["encode", str(pictures), "-o", str(streams), "--importance", "none", "--preset", "0"]
    assert main(arguments) == 2
    assert sorted(os.listdir(streams)) == ["a.266", "c.266"]
    assert "1 of 3 pictures could not be coded: b.png" in capfd.readouterr().err


def document() -> str:
    rows = "".join(f"| {what} | `idse {command}` | {line} |\n" for what, command, line in CASES)
    return (
        "# Error messages\n\n"
        "After a user's error, `idse` prints one line on standard error that begins with `idse: error: `, ends with exit "
        "code 2 and leaves no\n"
        "file behind. In the table, … stands for text that depends on the file or the system. Ctrl-C and SIGTERM end with "
        "exit code 130 and leave no file\n"
        "behind either. `tests/cli/test_errors.py` runs every command and prints this table.\n\n"
        "| mistake | command | line |\n|---|---|---|\n" + rows
    )


def test_document_is_this_table():
    assert DOCUMENT.read_text() == document()


if __name__ == "__main__":
    print(document(), end="")
