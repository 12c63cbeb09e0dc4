#!/usr/bin/env bash
# From HIT-UAV to the released files, their evaluation and their card: about 3.5 CPU-hours, 2 of them for the released files.
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

# Networks that never saw the scenes they are judged on, three folds; fold 0 holds one session with half of all persons, without
# which little is left to learn from. HELD_OUT=1 makes one only.
held_out=${HELD_OUT:-0 1 2}
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

# Paler and colder people than any that trained it: contrast.json, failures.png.
pale=$run/simulated-7
[ -f "$pale/truth/coco.json" ] ||
  (cd "$root" && cargo run --quiet --release -- simulate --out "$pale" --seed 7 --frames 30 --overwrite)
"$python" contrast.py --simulated "$pale"

# What more frames are worth: the same number of crops from a quarter, a half and all of the frames outside fold 1.
for share in 0.25 0.5 1.0; do
  out=$run/share-$share
  "$python" train.py --data "$data" --out "$out" --fold 1 --share "$share" --simulated "${simulated[@]}" --crops 16000 --evaluate-every 16000
  cp "$out/curve.json" "curve-share-$share.json"
done

# The same networks with Rust's pre- and post-processing and the lines of defence together: eval-*.json.
judge() { # NAME CARD: the set in $run/sets/NAME
  (cd "$root" && cargo run --quiet --release -- eval --model "$2" --data "$run/sets/$1/labels.json" --images "$data/images" \
    --scenes "$run/sets/$1/scenes.json" --overwrite --out "models/train/eval-$1.json")
}
for time in "" day night; do
  "$python" sets.py --data "$data" --out "$run/sets/val${time:+-$time}" ${time:+--time "$time"}
  judge "val${time:+-$time}" models/person-vehicle-bicycle.toml
done
for fold in $held_out; do
  "$python" sets.py --data "$data" --fold "$fold" --model "$run/fold-$fold/fold.onnx" --out "$run/sets/fold-$fold"
  judge "fold-$fold" "$run/sets/fold-$fold/card.toml"
done
