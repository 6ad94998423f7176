"""Any ONNX detector as a feature extractor, through onnx2torch.

The graph is cut at its feature tensors, so that making a map does not run the heads. A file `<model>.json` beside the
model may declare what the graph does not show: the fields of `preprocess.Preprocess`, `nodes`, and what its outputs
are (see `named_outputs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from idse.errors import IdseError
from idse.features.named_outputs import SIDECAR_FIELDS, declared_layout, layout_identity
from idse.features.onnx_file import (
    fix_input_size,
    infer_shapes,
    picture_input,
    read_model,
    read_sidecar,
    sidecar_of,
)
from idse.features.onnx_heads import OnnxHeads
from idse.features.onnx_torch import OnnxNetwork, free_batch, need_onnx2torch
from idse.features.preprocess import Placement, Preprocess, preprocess_from_dict


class OnnxExtractor:
    """Features of an ONNX model; see `base.FeatureExtractor`.

    Attributes:
        preprocess: Turns RGB in 0..1 into the model's input; `preprocess.placement` says where a picture lies.
        layout: The recognised family: "yolox", "nanodet" or "generic".
        nodes: Names of the feature tensors.
        graph: The detector's structure.
        declared: The layout of its outputs that the file beside it declares; None: it is found when it is needed.
    """

    def __init__(
        self, path: Path | str, *, device: torch.device | None = None, nodes: Sequence[str] | None = None
    ) -> None:
        """Load a model.

        Args:
            path: The `.onnx` file.
            device: Where to compute; by default the CPU.
            nodes: Names of the feature tensors, finest first; by default they are found in the graph.

        Raises:
            IdseError: The file does not exist, is not an ONNX model or has no picture input; unknown nodes,
                unsupported operators, or a missing package.
        """
        self.path = Path(path)
        self.name = self.path.stem
        self.device = device or torch.device("cpu")
        need_onnx2torch()
        model, digest = read_model(self.path)
        sidecar = read_sidecar(self.path)
        self._input = picture_input(model, self.path)
        size = fix_input_size(model, self._input, sidecar.get("size"))
        model = infer_shapes(model, self.path)

        from idse.features.onnx_graph import Graph

        self.graph = graph = Graph(model, self._input, size)
        self.layout = "yolox" if graph.is_yolox() else "nanodet" if graph.is_nanodet() else "generic"
        self.declared = declared_layout(sidecar, graph, self.path)
        default = self.declared.preprocess(size) if self.declared else default_preprocess(self.layout, size)
        fields = {k: v for k, v in sidecar.items() if k not in SIDECAR_FIELDS}
        try:
            self.preprocess = preprocess_from_dict(fields, default)
        except IdseError as error:
            raise IdseError(f"{sidecar_of(self.path)}: {error}") from None
        self.nodes = list(nodes or sidecar.get("nodes") or graph.find_features())
        if not self.nodes:
            raise IdseError(f"{self.path}: found no feature maps in the graph; name them (nodes)")
        unknown = [n for n in self.nodes if n not in graph.producer]
        if unknown:
            hint = ", ".join(graph.find_features()) or "none found"
            raise IdseError(
                f"{self.path}: no tensor '{unknown[0]}' depends on the picture; found by itself: {hint}"
            )
        free_batch(model, graph.shapes)
        self._model = model
        self._features = self.network(self.nodes)
        self._whole: OnnxNetwork | None = None
        self._heads: OnnxHeads | None = None
        self.description: dict[str, Any] = {
            "kind": "onnx",
            "file": self.path.name,
            "weights_sha256": digest,
            "layout": self.layout,
            "nodes": self.nodes,
            "preprocess": self.preprocess.to_dict(),
        }
        if self.declared is not None:  # absent else: the keys of older results stay valid
            self.description["declared"] = layout_identity(self.declared)

    def features(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        """See `base.FeatureExtractor.features`.

        Raises:
            IdseError: The model fails on its own input size, or no gradient flows through it.
        """
        out: list[torch.Tensor] = self._features(self.preprocess(rgb.to(torch.float32)))
        if rgb.requires_grad and torch.is_grad_enabled() and not all(f.requires_grad for f in out):
            raise IdseError(f"{self.path}: no gradient flows from the features to the picture")
        return out

    def heads(self, reference: torch.Tensor) -> OnnxHeads:
        """See `heads.HeadExtractor.heads`; the reference is not used."""
        if self._heads is None:
            self._heads = OnnxHeads(self)
        return self._heads

    def placement(self, width: int, height: int) -> tuple[Placement, tuple[int, int]]:
        """Where a picture lies in the input that the features cover, and that input's height and width."""
        return self.preprocess.placement(width, height), self.preprocess.size

    @torch.no_grad()
    def run(self, rgb: torch.Tensor) -> dict[str, torch.Tensor]:
        """The detector's raw outputs by name, for `[N, 3, H, W]` RGB in 0..1 on `device`; no gradients."""
        if self._whole is None:
            self._whole = self.network(self.outputs)
        x = self.preprocess(rgb.to(torch.float32))
        parts = [self._whole(x[i : i + 1]) for i in range(len(x))]
        return {
            n: torch.cat(values) for n, values in zip(self.outputs, zip(*parts, strict=True), strict=True)
        }

    @property
    def outputs(self) -> list[str]:
        """Names of the detector's outputs, in its order."""
        return [o.name for o in self._model.graph.output]

    @property
    def head_tensors(self) -> list[str]:
        """Names of the tensors that hold boxes and scores: the declared ones, else the detector's outputs."""
        return list((self.declared and self.declared.tensors) or self.outputs)

    def network(self, outputs: Sequence[str]) -> OnnxNetwork:
        """A new module on `device`: the part of the detector that computes these tensors from `preprocess(rgb)`."""
        return OnnxNetwork(self._model, self._input, outputs, self.path).to(self.device)


def default_preprocess(layout: str, size: tuple[int, int]) -> Preprocess:
    """The input of a family: YOLOX and NanoDet as published, others RGB in 0..1, centred, padded with grey."""
    if layout == "yolox":
        return Preprocess(size, order="bgr", fit="top_left", pad=114.0, scale=255.0)
    if layout == "nanodet":
        mean, std = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
        return Preprocess(size, order="bgr", fit="center", pad=0.0, scale=255.0, mean=mean, std=std)
    return Preprocess(size)
