#!/usr/bin/env bash
# Verifies a run with Debian's Go packages and no network: verify.sh DIR [KEY] [OLDER-CHECKPOINT]
# Needs: apt-get install golang-go golang-golang-x-mod-dev
set -euo pipefail
dir=$(realpath "$1")
key=$(realpath "${2:-$1/audit/verifier.key}")
older=${3:+$(realpath "$3")}
cd "$(dirname "$0")"
binary=${TMPDIR:-/tmp}/heatveil-verify-$(sha256sum verify.go | cut -c1-16)
if [ ! -x "$binary" ]; then
  GOPROXY=off GOFLAGS=-mod=mod GONOSUMDB=* GOTOOLCHAIN=local go build -o "$binary.$$" verify.go
  mv "$binary.$$" "$binary"
fi
exec "$binary" "$dir" "$key" ${older:+"$older"}
