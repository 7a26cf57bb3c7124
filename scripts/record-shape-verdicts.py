"""Records what onnx.shape_inference makes of the official ONNX test models.

    python3 scripts/record-shape-verdicts.py OUT.json.gz NAME=FOLDER [NAME=FOLDER ...]

FOLDER holds `<category>/<test>/model.onnx`, or `*.onnx.gz` at any depth. See fixtures/shape-verdicts/README.md for what
is recorded and how the models are changed before.
"""

import gzip
import hashlib
import json
import math
import pathlib
import sys

import onnx
from onnx import TensorProto, shape_inference

MOST_ELEMENTS = 64

NAMES = {
    "FLOAT": "float32",
    "DOUBLE": "float64",
}


def elem(number):
    name = TensorProto.DataType.Name(number)
    return NAMES.get(name, name.lower())


def dim(each):
    if each.HasField("dim_value"):
        return str(each.dim_value) if each.dim_value >= 0 else "?"
    # Names that the library makes up for extents that it does not know say nothing.
    return each.dim_param if each.dim_param and not each.dim_param.startswith("unk__") else "?"


def text(proto):
    kind = proto.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(proto, kind)
        shape = "[" + ",".join(map(dim, tensor.shape.dim)) + "]" if tensor.HasField("shape") else ""
        prefix = "" if kind == "tensor_type" else "sparse "
        return prefix + (elem(tensor.elem_type) if tensor.elem_type else "?") + shape
    if kind in ("sequence_type", "optional_type"):
        return kind[:-5] + "(" + text(getattr(proto, kind).elem_type) + ")"
    if kind == "map_type":
        return f"map({elem(proto.map_type.key_type)}, {text(proto.map_type.value_type)})"
    return "unknown"


def strip(model):
    """Takes away what would give the answers: the types of outputs and of values in between."""
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.ClearField("type")


def symbolize(model):
    """Turns every extent above 1 of the inputs into a symbol, equal extents into the same one."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for each in model.graph.input:
        if each.name in constants or each.type.WhichOneof("value") != "tensor_type":
            continue
        for d in each.type.tensor_type.shape.dim:
            if d.HasField("dim_value") and d.dim_value > 1:
                d.dim_param = f"s{d.dim_value}"


def fix(model, folder):
    """Turns small inputs into initializers that hold what the first data set of the test gives them."""
    initialized = {tensor.name for tensor in model.graph.initializer}
    kept = []
    for i, each in enumerate(model.graph.input):
        path = folder / "test_data_set_0" / f"input_{i}.pb"
        is_tensor = each.type.WhichOneof("value") == "tensor_type"
        if each.name in initialized or not is_tensor or not path.exists():
            kept.append(each)
            continue
        tensor = TensorProto.FromString(path.read_bytes())
        if math.prod(tensor.dims) > MOST_ELEMENTS:
            kept.append(each)
            continue
        tensor.name = each.name
        model.graph.initializer.append(tensor)
    kept = [onnx.ValueInfoProto.FromString(each.SerializeToString()) for each in kept]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def infer(model, data_prop):
    try:
        result = shape_inference.infer_shapes(model, check_type=False, strict_mode=False, data_prop=data_prop)
    except Exception:
        return None
    graph = result.graph
    found = {info.name: text(info.type) for info in [*graph.value_info, *graph.output] if info.HasField("type")}
    computed = [name for node in graph.node for name in node.output if name]
    return {name: found.get(name, "unknown") for name in computed}


def verdict(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    model = onnx.load_from_string(data)
    strip(model)
    plain = infer(model, True)
    bare = infer(model, False)
    symbolize(model)
    symbolic = infer(model, True)
    entry = {"sha256": hashlib.sha256(data).hexdigest()[:16], "plain": plain, "symbolic": symbolic}
    if bare != plain:
        entry["withoutPropagation"] = bare
    if (path.parent / "test_data_set_0").exists():
        model = onnx.load_from_string(data)
        strip(model)
        fix(model, path.parent)
        entry["constants"] = infer(model, True)
    return entry


def main(out, corpora):
    entries = {}
    for each in corpora:
        name, _, folder = each.partition("=")
        for path in sorted(pathlib.Path(folder).glob("*/*/model.onnx")):
            entries[f"{name}/{path.parent.relative_to(folder)}"] = verdict(path)
        for path in sorted(pathlib.Path(folder).rglob("*.onnx.gz")):
            entries[f"{name}/{path.relative_to(folder)}"] = verdict(path)
    document = {"onnx": onnx.__version__, "models": entries}
    data = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    pathlib.Path(out).write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{len(entries)} models, {len(data)} bytes")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
