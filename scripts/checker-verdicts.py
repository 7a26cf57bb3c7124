"""What onnx.checker.check_model says of the models in a folder, as JSON: `python scripts/checker-verdicts.py FOLDER OUT`.

For every file `NUMBER.onnx`: null or why the plain check refuses, and the same with full_check. The reason is the first
line without names and numbers. A model that takes the whole process down counts as refused.
"""

import json
import os
import pathlib
import re
import sys

import onnx


def reason(data, full):
    try:
        onnx.checker.check_model(data, full_check=full)
    except Exception as error:
        return category(str(error))
    return None


def category(text):
    lines = [line for line in text.strip().splitlines() if line.strip() not in ("", "==> Context:")]
    line = lines[0] if lines else "nothing"
    line = re.sub(r"'[^']*'", "'…'", line)
    line = re.sub(r"\((op_type|node name|tensor name|name|value_info name)[^)]*\):?", "", line)
    line = re.sub(r"\([^)]*\)", "(…)", line)
    line = re.sub(r"-?\d+", "#", line)
    line = re.sub(r"\b(for|Unrecognized attribute:|typestr:|type:|domain|attribute) \S+", r"\1 …", line)
    return re.sub(r"\s+", " ", line).strip()[:100]


def verdict(path):
    data = path.read_bytes()
    return [reason(data, False), reason(data, True)]


def isolated(path):
    """The verdict from a process of its own, which may die."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "w") as out:
            json.dump(verdict(path), out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else ["the process died", "the process died"]


def main(folder, out):
    paths = sorted(pathlib.Path(folder).glob("*.onnx"), key=lambda p: int(p.stem))
    results = [isolated(p) for p in paths]
    pathlib.Path(out).write_text(json.dumps({"source": f"onnx {onnx.__version__}", "verdicts": results}))


main(*sys.argv[1:])
