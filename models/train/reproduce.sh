#!/usr/bin/env bash
# From HIT-UAV to the ONNX file, its evaluation and its card: about 40 CPU-minutes.
# Stopped half-way, it goes on from the last checkpoint when started again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
data=${1:-$root/../shared/data/hit-uav}
venv=${VENV:-$root/.venv-train}
run=$venv/run
export OMP_NUM_THREADS=1

[ -x "$venv/bin/python" ] || "$here/setup.sh" "$venv"
cd "$here"
"$venv/bin/python" -m unittest --quiet
"$venv/bin/python" train.py --data "$data" --out "$run"
cp "$run/curve.json" curve.json
"$venv/bin/python" export.py --weights "$run/ema.pt"
"$venv/bin/python" evaluate.py --data "$data"
"$venv/bin/python" card.py --date "$(date -u +%F)"
