"""Zonal statistics of PyPI exactextract, as one JSON object: seconds, peak memory and the mean of each polygon.

Seconds count from opening the files; polygons are GeoJSON, because that is what it takes without another package.

usage: exactextract_zones.py RASTER POLYGONS STRATEGY
"""

import json
import resource
import sys
import time

from exactextract import exact_extract

raster, polygons, strategy = sys.argv[1:]
operations = ["mean", "count", "median", "quantile(q=0.05)", "quantile(q=0.95)"]
started = time.perf_counter()
with open(polygons) as file:
    features = json.load(file)["features"]
found = exact_extract(raster, features, operations, strategy=strategy)
seconds = time.perf_counter() - started
means = [feature["properties"]["mean"] for feature in found]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"seconds": seconds, "peak_mib": peak, "means": means}))
