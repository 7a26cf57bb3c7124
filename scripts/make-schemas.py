"""Writes src/schema/data/operators.json: what the onnx package knows of the standard operators, as plain data.

Run with the onnx package whose operators are wanted: `python scripts/make-schemas.py`. Only facts go into the file
(names, types, counts, defaults), no text. The result depends on nothing but the version of the package.

The format is described by src/schema/data/operators.schema.json.
"""

import json
import pathlib
import struct

import onnx
from onnx import checker, defs, helper

OUT = pathlib.Path(__file__).resolve().parent.parent / "src" / "schema" / "data" / "operators.json"
INFINITE = 2147483647
# Longest node that is tried when looking for counts that an operator leaves out between its least and its most.
MOST_TRIED = 8
# Largest finite float32.
LARGEST = 3.4028234663852886e38


class Interned:
    """Gives equal items equal numbers, in the order in which they come."""

    def __init__(self):
        self.items = []
        self._index = {}

    def add(self, item):
        if item not in self._index:
            self._index[item] = len(self.items)
            self.items.append(item)
        return self._index[item]


def context(schema):
    result = checker.C.CheckerContext()
    result.ir_version = onnx.IR_VERSION
    result.opset_imports = {schema.domain: schema.since_version}
    return result


def complaint(schema, inputs, outputs, attributes=()):
    """What the package's checker says of a node with so many inputs and outputs; empty when nothing."""
    node = helper.make_node(
        schema.name,
        [f"i{n}" for n in range(inputs)],
        [f"o{n}" for n in range(outputs)],
        domain=schema.domain,
    )
    node.attribute.extend(attributes)
    try:
        checker.check_node(node, context(schema))
    except checker.ValidationError as error:
        return str(error)
    return ""


def allowed_counts(schema, what):
    """The counts between least and most that the operator takes, when it does not take all of them."""
    low, high = (schema.min_input, schema.max_input) if what == "input" else (schema.min_output, schema.max_output)
    tried = range(low, min(high, MOST_TRIED) + 1)
    taken = []
    for count in tried:
        inputs, outputs = (count, schema.min_output) if what == "input" else (schema.min_input, count)
        if f"not in allowed {what} sizes" not in complaint(schema, inputs, outputs):
            taken.append(count)
    return None if len(taken) == len(tried) else taken


def takes_any_attribute(schema):
    probe = helper.make_attribute("sdgraph_probe", 1)
    return "Unrecognized attribute" not in complaint(schema, schema.min_input, schema.min_output, [probe])


def parameter(param):
    """`[name, type]`, then for other than single ones the option, then for variadic ones the least number."""
    option = param.option.name.lower()
    if option == "single":
        return [param.name, param.type_str]
    if option == "optional":
        return [param.name, param.type_str, "optional"]
    kind = "variadic" if param.is_homogeneous else "heterogeneous"
    return [param.name, param.type_str, kind, param.min_arity]


def plain(attribute):
    """A default value as plain data: numbers and text, lists of them."""
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, (int, str)):
        return value
    if hasattr(value, "__iter__") and not hasattr(value, "DESCRIPTOR"):
        return [v.decode("utf-8") if isinstance(v, bytes) else shortest(v) if isinstance(v, float) else v for v in value]
    if isinstance(value, onnx.TensorProto):
        if value.dims:
            raise ValueError("a default tensor that is no scalar")
        return onnx.numpy_helper.to_array(value).item()
    raise ValueError(f"a default value of type {type(value)}")


def shortest(value):
    """The shortest decimal that is the same float32."""
    for digits in range(1, 18):
        text = float(f"{value:.{digits}g}")
        if abs(text) <= LARGEST and struct.pack("<f", text) == struct.pack("<f", value):
            return int(text) if text.is_integer() and abs(text) < 1e15 else text
    raise ValueError(f"a default value that JSON has no number for: {value}")


def attribute(schema, attr):
    entry = {"type": attr.type.name}
    if attr.required:
        entry["required"] = True
    default = attr.default_value
    if default.type != onnx.AttributeProto.UNDEFINED:
        entry["default"] = plain(default)
    return entry


def version(schema, lists, types):
    entry = {"since": schema.since_version}
    if schema.deprecated:
        entry["deprecated"] = True
    if schema.has_function or schema.has_context_dependent_function:
        entry["function"] = True
    entry["inputs"] = [parameter(p) for p in schema.inputs]
    entry["outputs"] = [parameter(p) for p in schema.outputs]
    entry["inputCount"] = [schema.min_input, None if schema.max_input == INFINITE else schema.max_input]
    entry["outputCount"] = [schema.min_output, None if schema.max_output == INFINITE else schema.max_output]
    if not schema.deprecated:
        for what in ("input", "output"):
            counts = allowed_counts(schema, what)
            if counts is not None:
                entry[f"{what}Counts"] = counts
        if takes_any_attribute(schema):
            entry["anyAttribute"] = True
    constraints = {
        c.type_param_str: lists.add(tuple(types.add(t) for t in sorted(c.allowed_type_strs)))
        for c in sorted(schema.type_constraints, key=lambda c: c.type_param_str)
    }
    if constraints:
        entry["types"] = constraints
    attributes = {name: attribute(schema, schema.attributes[name]) for name in sorted(schema.attributes)}
    if attributes:
        entry["attributes"] = attributes
    return entry


def main():
    types, lists = Interned(), Interned()
    schemas = sorted(defs.get_all_schemas_with_history(), key=lambda s: (s.domain, s.name, s.since_version))
    for text in sorted({t for s in schemas for c in s.type_constraints for t in c.allowed_type_strs}):
        types.add(text)
    domains = {}
    for schema in schemas:
        operators = domains.setdefault(schema.domain, {})
        operators.setdefault(schema.name, []).append(version(schema, lists, types))
    releases = [[row[1], row[2], row[3]] for row in helper.VERSION_TABLE]
    head = {
        "$schema": "./operators.schema.json",
        "formatVersion": 1,
        "source": f"onnx {onnx.__version__}",
        "irVersion": onnx.IR_VERSION,
        "opsets": {d: max(s.since_version for s in schemas if s.domain == d) for d in sorted(domains)},
        "releases": [list(r) for r in dict.fromkeys(tuple(r) for r in releases)],
        "types": types.items,
        "typeLists": [list(item) for item in lists.items],
    }
    # One operator version a line: compact, and a new version of the package shows as a readable difference.
    pack = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    lines = [f"{json.dumps(key)}: {pack(value)}" for key, value in head.items()]
    body = []
    for domain, operators in domains.items():
        rows = [f"{json.dumps(name)}: [\n" + ",\n".join(map(pack, versions)) + "]" for name, versions in operators.items()]
        body.append(f"{json.dumps(domain)}: {{\n" + ",\n".join(rows) + "\n}")
    lines.append('"domains": {\n' + ",\n".join(body) + "\n}")
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{OUT.name}: {sum(map(len, domains.values()))} operators, {len(schemas)} versions, {OUT.stat().st_size} bytes")


main()
