#!/usr/bin/env bash
# Makes the Python environment for training at .venv-train (ignored by git): about 5 GB.
# Another place: models/train/setup.sh /some/path
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$here/../../.venv-train}
"${PYTHON:-python3.11}" -m venv "$venv"
"$venv/bin/pip" install --quiet --no-deps --require-hashes -r "$here/requirements.txt"
OMP_NUM_THREADS=1 "$venv/bin/python" -c 'import cv2, onnx, onnxruntime, torch; print("torch", torch.__version__, "CUDA", torch.cuda.is_available())'
