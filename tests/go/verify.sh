#!/usr/bin/env bash
# Verifies a run, or one published file, with Debian's Go packages and no network:
#   verify.sh DIR [KEY] [OLDER-CHECKPOINT]
#   verify.sh -proof PROOF PUBLISHED-FILE KEY
# Needs: apt-get install golang-go golang-golang-x-mod-dev
set -euo pipefail
arguments=()
if [ "$1" = -proof ]; then
  arguments=(-proof)
  shift
else
  [ $# -gt 1 ] || set -- "$1" "$1/audit/verifier.key"
fi
for name in "$@"; do arguments+=("$(realpath "$name")"); done
cd "$(dirname "$0")"
# Built anew from the source beside this file each time (Go caches the work): never a binary left by someone else.
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
GOPROXY=off GOFLAGS=-mod=mod GONOSUMDB=* GOTOOLCHAIN=local go build -o "$binary" .
"$binary" "${arguments[@]}"
