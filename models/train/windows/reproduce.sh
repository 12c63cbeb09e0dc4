#!/usr/bin/env bash
# From facades to the window network, its evaluation and its card: about 40 CPU-minutes.
# Needs what ../reproduce.sh made before: the environment and the simulated frames.
#   models/train/windows/reproduce.sh [DATA]    folder with facades/ and hit-uav/, ../shared/data unless given
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
data=${1:-$root/../shared/data}
venv=${VENV:-$root/.venv-train}
run=$venv/run
python=$venv/bin/python
export OMP_NUM_THREADS=1

cd "$here/.."
"$python" train.py --network windows --data "$data/hit-uav" --facades "$data/facades" --out "$run/windows" \
  --simulated "$run"/simulated-10[1-4] --crops 28000 --evaluate-every 7000
cp "$run/windows/curve.json" windows/curve.json
"$python" export.py --network windows --weights "$run/windows/ema.pt" --out ../window.onnx
"$python" quantise.py --network windows --data "$data/hit-uav" --facades "$data/facades" --model ../window.onnx
"$python" -m windows.evaluate --data "$data/hit-uav" --facades "$data/facades" --out windows/evaluation-fp32.json
"$python" -m windows.evaluate --data "$data/hit-uav" --facades "$data/facades" --model ../window.int8.onnx
"$python" -m windows.card --date "$(date -u +%F)"
