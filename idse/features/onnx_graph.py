"""Analysis of a detector's ONNX graph: where its features are, and which family it belongs to.

It uses the graph's structure (operators, shapes, dominators), never the names of files or nodes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import onnx

_MIN_STRIDE, _MAX_STRIDE = 4, 128


@dataclass
class Node:
    """One operator. `stride` is set if its output is a spatial map `[1, C, H/stride, W/stride]`."""

    index: int
    op: str
    outputs: list[str]
    channels: int = 0
    stride: int | None = None


class Graph:
    """The part of a model that depends on its picture input, in topological order.

    Args:
        model: With static shapes, already inferred.
        input_name: The picture input.
        size: Its height and width.
    """

    def __init__(self, model: onnx.ModelProto, input_name: str, size: tuple[int, int]) -> None:
        graph = model.graph
        self.shapes = tensor_shapes(model)
        self.outputs = {o.name for o in graph.output}
        self.nodes: list[Node] = []
        self.parents: list[list[int]] = []
        self.children: list[list[int]] = []
        self.proto: list[onnx.NodeProto] = []
        producer: dict[str, int] = {}
        for proto in graph.node:
            parents = sorted({producer[name] for name in proto.input if name in producer})
            if (not parents and input_name not in proto.input) or proto.op_type == "Shape":
                continue
            if input_name in proto.input:
                parents.insert(0, -1)  # the root of the dominator tree
            index = len(self.nodes)
            node = Node(index, proto.op_type, list(proto.output))
            shape = self.shapes.get(node.outputs[0], ())
            node.stride = _stride_of(shape, size)
            node.channels = shape[1] if len(shape) > 1 else 0
            self.nodes.append(node)
            self.parents.append(parents)
            self.children.append([])
            self.proto.append(proto)
            for parent in parents:
                if parent >= 0:
                    self.children[parent].append(index)
            for name in proto.output:
                producer[name] = index
        self.producer = producer
        self._idom = self._immediate_dominators()
        self._reach = self._reachable_strides()

    def find_features(self) -> list[str]:
        """Names of the feature tensors, finest stride first; empty if there are none.

        If there are heads on two or more strides: on each stride, walk back from the ends of the head along the tensors
        that everything in the head passes through, as long as the same kind of tensor (operator, channels) appears on
        all strides and none of them feeds another stride. The walk ends where the heads leave the pyramid. Otherwise
        (a backbone): the last map of each stride on the way to the end.
        """
        ends = self._head_ends()
        if len(ends) < 2:
            return self._last_of_each_stride(ends)
        chains = {stride: self._dominator_chain(leaves, stride) for stride, leaves in sorted(ends.items())}
        chains = {stride: chain for stride, chain in chains.items() if chain}
        if len(chains) < 2:
            return self._last_of_each_stride(ends)
        step = 0
        for step in range(min(len(chain) for chain in chains.values())):
            here = [(chain[step], stride) for stride, chain in chains.items()]
            if len({(n.op, n.channels) for n, _ in here}) > 1:
                break
            if any(self._reach[n.index] - {stride} for n, stride in here):
                break
        return [chain[step].outputs[0] for chain in chains.values()]

    def _head_ends(self) -> dict[int, list[Node]]:
        """For each stride the spatial maps after which no spatial map follows, or which are outputs of the graph."""
        ends: dict[int, list[Node]] = defaultdict(list)
        for node in self.nodes:
            if node.stride is None or not _MIN_STRIDE <= node.stride <= _MAX_STRIDE:
                continue
            leaves = [
                c for c in self.children[node.index] if self.nodes[c].stride is None and not self._reach[c]
            ]
            if leaves or self.outputs.intersection(node.outputs):
                ends[node.stride].append(node)
        return ends

    def _dominator_chain(self, leaves: list[Node], stride: int) -> list[Node]:
        """Maps of `stride` through which everything passes on the way to all `leaves`; the nearest first."""
        ends = {n.index for n in leaves}
        at = leaves[0].index
        for leaf in leaves[1:]:
            at = self._meet(at, leaf.index)
        chain = []
        while at >= 0:
            node = self.nodes[at]
            if node.stride is not None and node.stride != stride:
                break
            if node.stride == stride and at not in ends:
                chain.append(node)
            at = self._idom[at]
        return chain

    def _last_of_each_stride(self, ends: dict[int, list[Node]]) -> list[str]:
        wanted = {n.index for nodes in ends.values() for n in nodes}
        for node in reversed(self.nodes):
            if wanted.intersection(self.children[node.index]):
                wanted.add(node.index)
        last: dict[int, Node] = {}
        for node in self.nodes:
            if node.index in wanted and node.stride is not None and _MIN_STRIDE <= node.stride <= _MAX_STRIDE:
                last[node.stride] = node
        strides = sorted(last)
        strides = [s for s in strides if s >= 8] or strides
        return [last[s].outputs[0] for s in strides]

    def _immediate_dominators(self) -> list[int]:
        self._depth: list[int] = []
        self._idom = []
        for parents in self.parents:
            dominator = -1
            if parents:
                dominator = parents[0]
                for parent in parents[1:]:
                    dominator = self._meet(dominator, parent)
            self._idom.append(dominator)
            self._depth.append(0 if dominator < 0 else self._depth[dominator] + 1)
        return self._idom

    def _meet(self, a: int, b: int) -> int:
        while a != b:
            if a < 0 or b < 0:
                return -1
            if self._depth[a] >= self._depth[b]:
                a = self._idom[a]
            else:
                b = self._idom[b]
        return a

    def _reachable_strides(self) -> list[set[int]]:
        """For each node the strides of the spatial maps that depend on it."""
        reach: list[set[int]] = [set() for _ in self.nodes]
        for node in reversed(self.nodes):
            for child in self.children[node.index]:
                reach[node.index] |= reach[child]
                stride = self.nodes[child].stride
                if stride is not None:
                    reach[node.index].add(stride)
        return reach

    def is_yolox(self) -> bool:
        """Whether it has a Focus stem (four strided slices, 12 channels) and heads of 4 + 1 + classes channels."""
        first = next((n for n in self.nodes if n.op == "Conv"), None)
        if first is None or len(self.parents[first.index]) != 1 or self.parents[first.index] == [-1]:
            return False
        stem = self.nodes[self.parents[first.index][0]]
        if stem.op != "Concat" or stem.channels != 12 or stem.stride != 2:
            return False
        heads = 0
        for node in self.nodes:
            if node.op == "Concat" and node.stride is not None and node.channels > 5:
                parts = [self.shapes.get(name, (0, 0))[1] for name in self.proto[node.index].input]
                heads += parts == [4, 1, node.channels - 5]
        return heads >= 2

    def is_nanodet(self) -> bool:
        """Whether each level has outputs `[1, cells, channels]`: class scores and 4 x bins of a box distribution."""
        by_cells: dict[int, list[int]] = defaultdict(list)
        for name in self.outputs:
            shape = self.shapes.get(name, ())
            if len(shape) != 3:
                return False
            by_cells[shape[1]].append(shape[2])
        pairs = {tuple(sorted(channels)) for channels in by_cells.values()}
        if len(by_cells) < 3 or len(pairs) != 1:
            return False
        pair = pairs.pop()
        return len(pair) == 2 and any(c % 4 == 0 and 16 <= c <= 128 for c in pair)


def tensor_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes after inference, by tensor name; unknown sides are 0."""
    values: list[Any] = [*model.graph.value_info, *model.graph.output, *model.graph.input]
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in reversed(values)}


def _stride_of(shape: tuple[int, ...], size: tuple[int, int]) -> int | None:
    if len(shape) != 4 or shape[2] < 2 or shape[3] < 2:
        return None
    stride = round(size[0] / shape[2])
    fits = stride > 0 and all(-(-side // stride) == n for side, n in zip(size, shape[2:], strict=True))
    return stride if fits else None
