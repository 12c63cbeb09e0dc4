#!/usr/bin/env bash
# Verifies a run with Debian's Go packages and no network: verify.sh DIR [KEY] [OLDER-CHECKPOINT]
# Needs: apt-get install golang-go golang-golang-x-mod-dev
set -euo pipefail
dir=$(realpath "$1")
key=$(realpath "${2:-$1/audit/verifier.key}")
older=${3:+$(realpath "$3")}
cd "$(dirname "$0")"
# Built anew from the source beside this file each time (Go caches the work): never a binary left by someone else.
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
GOPROXY=off GOFLAGS=-mod=mod GONOSUMDB=* GOTOOLCHAIN=local go build -o "$binary" verify.go
"$binary" "$dir" "$key" ${older:+"$older"}
