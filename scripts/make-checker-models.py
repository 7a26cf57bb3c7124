"""Writes fixtures/checker-verdicts/models/*.onnx: small sound models that between them use what official node tests
rarely do: local functions, subgraphs, sparse and packed tensors, sequences, optionals, training graphs, old IR versions.

Run with the onnx package: `python scripts/make-checker-models.py`.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper, parser

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "checker-verdicts" / "models"

TEXT = {
    "function": """<ir_version: 8, opset_import: ["" : 17, "my.domain" : 1]>
        agraph (float[N, 8] x) => (float[N, 8] y) { h = my.domain.Gate <alpha: float = 0.5> (x) y = Relu (h) }
        <domain: "my.domain", opset_import: ["" : 17]>
        Gate <alpha> (x) => (y) { s = Sigmoid (x) m = Mul (x, s) y = LeakyRelu <alpha: float = @alpha> (m) }""",
    "function-nested": """<ir_version: 8, opset_import: ["" : 17, "my.domain" : 1]>
        agraph (float[4] x) => (float[4] y) { y = my.domain.Outer (x) }
        <domain: "my.domain", opset_import: ["" : 17, "my.domain" : 1]>
        Outer (x) => (y) { a = my.domain.Inner (x) y = my.domain.Inner (a) }
        <domain: "my.domain", opset_import: ["" : 17]>
        Inner (x) => (y) { one = Constant <value_float: float = 1.0> () y = Add (x, one) }""",
    "function-default": """<ir_version: 9, opset_import: ["" : 19, "my.domain" : 1]>
        agraph (float[4] x) => (float[4] y) { y = my.domain.Leaky (x) }
        <domain: "my.domain", opset_import: ["" : 19]>
        Leaky <alpha: float = 0.25> (x) => (y) { y = LeakyRelu <alpha: float = @alpha> (x) }""",
    "function-branch": """<ir_version: 8, opset_import: ["" : 17, "my.domain" : 1]>
        agraph (bool c, float[4] x) => (float[4] y) { y = my.domain.Choose (c, x) }
        <domain: "my.domain", opset_import: ["" : 17]>
        Choose (c, x) => (y) {
          y = If (c) <then_branch = yes () => (a) { a = Neg (x) }, else_branch = no () => (b) { b = Abs (x) }>
        }""",
    "if": """<ir_version: 8, opset_import: ["" : 17]>
        agraph (bool c, float[2, 3] x) => (float[2, 3] y) {
          h = Relu (x)
          y = If (c) <
            then_branch = yes () => (float[2, 3] a) { a = Add (h, x) },
            else_branch = no () => (float[2, 3] b) { t = Neg (h) b = Mul (t, x) }
          >
        }""",
    "if-nested": """<ir_version: 7, opset_import: ["" : 13]>
        agraph (bool c, bool d, float[3] x) => (float[3] y) {
          y = If (c) <
            then_branch = yes () => (float[3] a) {
              a = If (d) <
                then_branch = inner_yes () => (float[3] p) { p = Exp (x) },
                else_branch = inner_no () => (float[3] q) { q = Log (x) }
              >
            },
            else_branch = no () => (float[3] b) { b = Identity (x) }
          >
        }""",
    "loop": """<ir_version: 8, opset_import: ["" : 15]>
        agraph (int64 n, bool go, float[2] x) => (float[2] last, float[K, 2] all) {
          last, all = Loop (n, go, x) <
            body = step (int64 i, bool keep, float[2] v) => (bool again, float[2] next, float[2] seen) {
              again = Identity (keep)
              next = Add (v, x)
              seen = Identity (next)
            }
          >
        }""",
    "attention": """<ir_version: 6, opset_import: ["" : 11]>
        agraph (float[2, 8, 64, 40] q, float[2, 8, 64, 40] k, float[2, 8, 64, 40] v) => (float[2, 8, 64, 40] y) {
          kt = Transpose <perm: ints = [0, 1, 3, 2]> (k)
          s = MatMul (q, kt)
          scale = Constant <value: tensor = float {0.158}> ()
          scaled = Mul (s, scale)
          p = Softmax <axis: int = 3> (scaled)
          y = MatMul (p, v)
        }""",
    "quantize": """<ir_version: 8, opset_import: ["" : 13]>
        agraph (float[1, 4] x) => (float[1, 4] y) <float s = {0.1}, uint8 z = {128}> {
          q = QuantizeLinear (x, s, z)
          y = DequantizeLinear (q, s, z)
        }""",
    "sequence": """<ir_version: 8, opset_import: ["" : 17]>
        agraph (float[4, 3] x) => (float[A, B] y, int64 n) {
          parts = SplitToSequence <axis: int = 0> (x)
          n = SequenceLength (parts)
          y = ConcatFromSequence <axis: int = 0> (parts)
        }""",
    "split": """<ir_version: 8, opset_import: ["" : 13]>
        agraph (float[2, 10] x) => (float[2, 4] a, float[2, 6] b) <int64[2] sizes = {4, 6}> {
          a, b = Split <axis: int = 1> (x, sizes)
        }""",
    "dropout": """<ir_version: 7, opset_import: ["" : 12]>
        agraph (float[3] x) => (float[3] y) <float ratio = {0.5}> { y, mask = Dropout (x, ratio) }""",
}


def info(name, dtype, dims):
    return h.make_tensor_value_info(name, dtype, dims)


def model(graph, opset, ir, **more):
    opsets = [h.make_opsetid("", opset), *more.pop("opsets", [])]
    return h.make_model(graph, opset_imports=opsets, ir_version=ir, producer_name="", **more)


def sparse(name, values, places, dims):
    return h.make_sparse_tensor(
        h.make_tensor(name, T.FLOAT, [len(values)], values),
        h.make_tensor(f"{name}_at", T.INT64, [len(values)], places),
        dims,
    )


def built():
    x, y = info("x", T.FLOAT, [2, 3]), info("y", T.FLOAT, [2, 3])
    weight = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")
    add = h.make_node("Add", ["x", "w"], ["y"], name="add")
    plain = h.make_graph([add], "g", [x], [y], [weight])
    yield "initializer", model(plain, 13, 8)
    # Before IR version 4 initializers are inputs too.
    listed = h.make_graph([add], "g", [x, info("w", T.FLOAT, [2, 3])], [y], [weight])
    yield "old-initializer", model(listed, 7, 3)
    graph = h.make_graph([add], "g", [x], [y], sparse_initializer=[sparse("w", [1.0, 2.0], [1, 4], [2, 3])])
    yield "sparse-initializer", model(graph, 13, 8)
    node = h.make_node("Constant", [], ["w"], sparse_value=sparse("s", [3.0], [0], [2, 3]))
    yield "sparse-constant", model(h.make_graph([node, add], "g", [x], [y]), 13, 8)
    packed = h.make_tensor("p", T.INT4, [5], [1, -2, 3, -4, 5])
    cast = h.make_node("Cast", ["p"], ["y"], to=T.FLOAT)
    yield "int4", model(h.make_graph([cast], "g", [], [info("y", T.FLOAT, [5])], [packed]), 21, 10)
    small = h.make_tensor("p", T.FLOAT8E4M3FN, [3], [1.0, 2.0, 0.5])
    yield "float8", model(h.make_graph([cast], "g", [], [info("y", T.FLOAT, [3])], [small]), 19, 9)
    typed = [
        h.make_tensor("a", T.FLOAT16, [2], [1.0, 2.0]),
        h.make_tensor("b", T.DOUBLE, [2], [1.0, 2.0]),
        h.make_tensor("c", T.BOOL, [2], [True, False]),
        h.make_tensor("d", T.UINT64, [2], [1, 2]),
        h.make_tensor("e", T.STRING, [2], [b"one", b"two"]),
        h.make_tensor("f", T.COMPLEX64, [2], [1 + 2j, 3 - 1j]),
    ]
    nodes = [h.make_node("Identity", [t.name], [f"{t.name}_out"]) for t in typed]
    outputs = [info(f"{t.name}_out", t.data_type, [2]) for t in typed]
    yield "typed-fields", model(h.make_graph(nodes, "g", [], outputs, typed), 13, 8)
    update = h.make_graph(
        [h.make_node("Add", ["w", "w"], ["w_new"])], "update", [], [info("w_new", T.FLOAT, [2, 3])]
    )
    training = model(plain, 13, 8)
    training.training_info.add().algorithm.CopyFrom(update)
    training.training_info[0].update_binding.add(key="w", value="w_new")
    yield "training", training
    scaler = h.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0, 1.0, 2.0], scale=[1.0, 1.0, 2.0])
    yield "ml", model(h.make_graph([scaler], "g", [x], [y]), 15, 8, opsets=[h.make_opsetid("ai.onnx.ml", 2)])
    custom = h.make_node("Mystery", ["x"], ["y"], domain="com.example", level=3)
    yield "custom-domain", model(
        h.make_graph([custom], "g", [x], [y]), 13, 8, opsets=[h.make_opsetid("com.example", 1)]
    )
    kind = h.make_optional_type_proto(h.make_tensor_type_proto(T.FLOAT, [2, 3]))
    graph = h.make_graph(
        [h.make_node("OptionalGetElement", ["x"], ["y"])], "g", [h.make_value_info("x", kind)], [y]
    )
    yield "optional", model(graph, 18, 8)
    norm = h.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], epsilon=1e-3)
    inputs = [info("x", T.FLOAT, [1, 3, 4, 4]), *[info(n, T.FLOAT, [3]) for n in "sbmv"]]
    yield "batch-normalization", model(h.make_graph([norm], "g", inputs, [info("y", T.FLOAT, [1, 3, 4, 4])]), 9, 4)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, text in TEXT.items():
        write(name, parser.parse_model(text))
    for name, each in built():
        write(name, each)


def write(name, each):
    # No operator takes a sparse tensor where the two with one pass it on.
    onnx.checker.check_model(each, full_check=not name.startswith("sparse"))
    (OUT / f"{name}.onnx").write_bytes(each.SerializeToString(deterministic=True))


main()
