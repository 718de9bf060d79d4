"""Write src/chromadb/_embed/minilm.onnx: the computation of all-MiniLM-L6-v2 without its weights.

The graph takes ``input_ids`` and ``attention_mask``, int32 of shape (n, tokens), and gives ``embedding``,
float32 of shape (n, 384): a BERT encoder of six layers, the sum over the tokens that the mask keeps, and
L2 normalisation (which makes the division of mean pooling superfluous). Token types are always 0.

Its weights are external initializers under the names that they have in ``model.safetensors``, laid out as
there; transposing and joining them is left to the constant folding of onnxruntime. Only operators of the
ONNX standard are used: onnxruntime's own fused ones were no faster (within 3 % at 12, 64 and 256 tokens),
and execution providers other than the CPU know the standard ones best.

Run: python scripts/build_minilm_graph.py

`published` makes the model in the form in which the published versions of Chroma keep it, weights included: for
measuring them beside this one, and for whoever wants a single file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GRAPH_FILE = Path(__file__).parents[1] / "src" / "chromadb" / "_embed" / "minilm.onnx"
OPSET, IR_VERSION = 20, 9  # what onnxruntime 1.17 reads

LAYERS, HEADS, HIDDEN, INTERMEDIATE = 6, 12, 384, 1536
HEAD_SIZE = HIDDEN // HEADS
VOCABULARY, POSITIONS, TOKEN_TYPES = 30522, 512, 2
EPSILON = 1e-12


class GraphBuilder:
    """Collects nodes and initializers; each method adds one step and returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def weight(self, name: str, *shape: int) -> str:
        """Declare a tensor of model.safetensors."""
        if all(tensor.name != name for tensor in self.initializers):
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="model.safetensors")
            self.initializers.append(tensor)
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        if all(tensor.name != name for tensor in self.initializers):
            self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def scalar(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, dtype=np.float32))

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def dense(self, x: str, prefixes: list[str], inputs: int, outputs: int) -> str:
        """Linear layers side by side: their weights are stored (outputs, inputs), and joined here."""
        weights = [self.weight(f"{prefix}.weight", outputs, inputs) for prefix in prefixes]
        biases = [self.weight(f"{prefix}.bias", outputs) for prefix in prefixes]
        weight = self.op("Concat", *weights, axis=0) if len(weights) > 1 else weights[0]
        bias = self.op("Concat", *biases, axis=0) if len(biases) > 1 else biases[0]
        return self.op("Add", self.op("MatMul", x, self.op("Transpose", weight, perm=[1, 0])), bias)

    def layer_norm(self, x: str, prefix: str) -> str:
        scale, bias = (self.weight(f"{prefix}.{part}", HIDDEN) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def heads(self, x: str, permutation: list[int]) -> str:
        split = self.op("Reshape", x, self.integers(0, 0, HEADS, HEAD_SIZE))
        return self.op("Transpose", split, perm=permutation)


def embeddings(g: GraphBuilder) -> str:
    words = g.weight("embeddings.word_embeddings.weight", VOCABULARY, HIDDEN)
    positions = g.weight("embeddings.position_embeddings.weight", POSITIONS, HIDDEN)
    types = g.weight("embeddings.token_type_embeddings.weight", TOKEN_TYPES, HIDDEN)
    length = g.op("Shape", "input_ids", start=1, end=2)
    located = g.op("Slice", positions, g.integers(0), length, g.integers(0))
    # The type is the same for all tokens: its vector is added to the few positions, not to every token.
    offsets = g.op("Add", located, g.op("Slice", types, g.integers(0), g.integers(1), g.integers(0)))
    summed = g.op("Add", g.op("Gather", words, "input_ids"), offsets)
    return g.layer_norm(summed, "embeddings.LayerNorm")


def encoder_layer(g: GraphBuilder, x: str, mask_bias: str, prefix: str) -> str:
    attention = f"{prefix}.attention"
    joined = g.dense(x, [f"{attention}.self.{part}" for part in ("query", "key", "value")], HIDDEN, HIDDEN)
    parts = [f"{prefix}.{part}" for part in ("q", "k", "v")]
    g.nodes.append(helper.make_node("Split", [joined], parts, axis=2, num_outputs=3))
    query, value = g.heads(parts[0], [0, 2, 1, 3]), g.heads(parts[2], [0, 2, 1, 3])
    key = g.heads(parts[1], [0, 2, 3, 1])
    scores = g.op("Mul", g.op("MatMul", query, key), g.scalar("attention_scale", HEAD_SIZE**-0.5))
    weights = g.op("Softmax", g.op("Add", scores, mask_bias), axis=-1)
    context = g.op("Transpose", g.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    merged = g.op("Reshape", context, g.integers(0, 0, HIDDEN))
    attended = g.dense(merged, [f"{attention}.output.dense"], HIDDEN, HIDDEN)
    x = g.layer_norm(g.op("Add", attended, x), f"{attention}.output.LayerNorm")
    widened = g.op("Gelu", g.dense(x, [f"{prefix}.intermediate.dense"], HIDDEN, INTERMEDIATE))
    narrowed = g.dense(widened, [f"{prefix}.output.dense"], INTERMEDIATE, HIDDEN)
    return g.layer_norm(g.op("Add", narrowed, x), f"{prefix}.output.LayerNorm")


def build(hidden_states: bool = False) -> onnx.ModelProto:
    """Return the model, weights left external.

    With `hidden_states` it has the published signature: int64 inputs, token types among them, and the last layer's
    output for every token, which the caller pools.
    """
    g = GraphBuilder()
    mask = g.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    row_mask = g.op("Unsqueeze", mask, g.integers(1))  # (n, 1, tokens)
    dropped = g.op("Sub", g.scalar("one", 1.0), g.op("Unsqueeze", row_mask, g.integers(1)))
    mask_bias = g.op("Mul", dropped, g.scalar("lowest", float(np.finfo(np.float32).min)))
    x = embeddings(g)
    for layer in range(LAYERS):
        x = encoder_layer(g, x, mask_bias, f"encoder.layer.{layer}")
    names, integer = ["input_ids", "attention_mask"], TensorProto.INT32
    if hidden_states:
        names, integer = [*names, "token_type_ids"], TensorProto.INT64
        output = helper.make_tensor_value_info(g.op("Identity", x, output="last_hidden_state"), TensorProto.FLOAT, None)
    else:
        total = g.op("Squeeze", g.op("MatMul", row_mask, x), g.integers(1))
        pooled = g.op("LpNormalization", total, axis=1, p=2, output="embedding")
        output = helper.make_tensor_value_info(pooled, TensorProto.FLOAT, ["n", HIDDEN])
    inputs = [helper.make_tensor_value_info(name, integer, ["n", "tokens"]) for name in names]
    outputs = [output]
    graph = helper.make_graph(g.nodes, "all-MiniLM-L6-v2", inputs, outputs, g.initializers)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="chromadb"
    )


def published(weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Return a model of one file that takes and gives what the published one does."""
    model = build(hidden_states=True)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(weights[tensor.name]), tensor.name))
    return model


if __name__ == "__main__":
    GRAPH_FILE.write_bytes(build().SerializeToString(deterministic=True))
    print(f"{GRAPH_FILE.name}: {GRAPH_FILE.stat().st_size} bytes")
