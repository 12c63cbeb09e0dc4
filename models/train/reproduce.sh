#!/usr/bin/env bash
# From HIT-UAV to the released files, their evaluation and their card: about 2.5 CPU-hours with one fold.
# Stopped half-way, it goes on from the last checkpoint when started again.
#   models/train/reproduce.sh [DATA]            data in ../shared/data/hit-uav, seen from the repository, unless given
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
data=${1:-$root/../shared/data/hit-uav}
venv=${VENV:-$root/.venv-train}
run=$venv/run
export OMP_NUM_THREADS=1

[ -x "$venv/bin/python" ] || "$here/setup.sh" "$venv"
python=$venv/bin/python
cd "$here"
"$python" -m unittest --quiet

# Frames of nobody and nowhere, other seeds than any test's.
simulated=()
for seed in 101 102 103 104; do
  folder=$run/simulated-$seed
  [ -f "$folder/truth/coco.json" ] ||
    (cd "$root" && cargo run --quiet --release -- simulate --out "$folder" --seed "$seed" --frames 40 --overwrite)
  simulated+=("$folder")
done

# The released network: a plain stage, then one with pasted people, simulated frames and more days.
"$python" train.py --data "$data" --out "$run/plain" --recipe plain --crops 60000 --batch 12 --evaluate-every 15000
"$python" train.py --data "$data" --out "$run/strong" --recipe strong --initial "$run/plain/ema.pt" \
  --simulated "${simulated[@]}" --crops 96000 --learning-rate 1.8e-3 --evaluate-every 24000
cp "$run/plain/curve.json" curve-plain.json
cp "$run/strong/curve.json" curve-strong.json
"$python" export.py --weights "$run/strong/ema.pt"
"$python" quantise.py --data "$data"

# Networks that never saw the scenes they are judged on. The released figures are of fold 1: fold 2 was not finished, and fold 0
# holds one session with half of all persons, without which little is left to learn from.
held_out=${HELD_OUT:-1}
folds=()
for fold in $held_out; do
  out=$run/fold-$fold
  "$python" train.py --data "$data" --out "$out" --fold "$fold" --simulated "${simulated[@]}" --crops 44000 --evaluate-every 22000
  cp "$out/curve.json" "curve-fold-$fold.json"
  "$python" export.py --weights "$out/ema.pt" --out "$out/fold.onnx"
  folds+=("$fold=$out/fold.onnx")
done
"$python" evaluate.py --data "$data" --compare ../person-vehicle-bicycle.onnx --folds "${folds[@]}"
"$python" card.py --date "$(date -u +%F)"

# The same with Rust's pre- and post-processing and the lines of defence together.
heatveil() { (cd "$root" && cargo run --quiet --release -- "$@"); }
heatveil eval --model models/person-vehicle-bicycle.toml --data "$data/val.json" --images "$data/images" --overwrite \
  --out models/train/eval-val.json
for fold in $held_out; do
  "$python" sets.py --data "$data" --fold "$fold" --model "$run/fold-$fold/fold.onnx" --out "$run/fold-$fold/set"
  heatveil eval --model "$run/fold-$fold/set/card.toml" --data "$run/fold-$fold/set/labels.json" --images "$data/images" \
    --scenes "$run/fold-$fold/set/scenes.json" --overwrite --out "models/train/eval-fold-$fold.json"
done
