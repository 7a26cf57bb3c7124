"""Infers the shapes of a model, or checks it, with the onnx package; prints what that cost, in the form of `Cost` in job.ts."""

import json
import resource
import sys
import time

import onnx

source, what = sys.argv[1:3]
started = time.perf_counter()
if what == "check":
    # By path: only then does the checker know where external data has to be.
    loaded = started
    onnx.checker.check_model(source, full_check=True)
else:
    model = onnx.load(source, load_external_data=False)
    loaded = time.perf_counter()
    onnx.shape_inference.infer_shapes(model, data_prop=True)
ended = time.perf_counter()
print(
    json.dumps(
        {
            "milliseconds": (ended - started) * 1000,
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "parts": {"open": (loaded - started) * 1000, what: (ended - loaded) * 1000},
            "note": "onnx " + onnx.__version__,
        }
    )
)
