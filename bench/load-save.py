"""Loads and saves a model with the onnx package and prints what that cost, in the form of `Cost` in job.ts."""

import json
import resource
import sys
import time

import onnx


def traffic():
    try:
        with open("/proc/self/io") as file:
            counts = dict(line.split(": ") for line in file.read().splitlines())
    except OSError:
        return None
    return int(counts["rchar"]), int(counts["wchar"])


source, target, external = sys.argv[1:4]
before = traffic()
started = time.perf_counter()
model = onnx.load(source)
loaded = time.perf_counter()
if external == "external":
    onnx.save(
        model, target, save_as_external_data=True, location=target.split("/")[-1] + ".data", convert_attribute=True
    )
else:
    onnx.save(model, target)
ended = time.perf_counter()
after = traffic()
cost = {
    "milliseconds": (ended - started) * 1000,
    "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    "parts": {"open": (loaded - started) * 1000, "save": (ended - loaded) * 1000},
    "note": "onnx " + onnx.__version__,
}
if before and after:
    cost.update(read=after[0] - before[0], written=after[1] - before[1])
print(json.dumps(cost))
