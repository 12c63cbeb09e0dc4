#!/usr/bin/env bash
# A finished run to show: the fixture flight, frames flown too high (withheld), a file that is no image (rejected).
#   tests/web/folder.sh OUT    about half a minute; nothing is done where OUT is newer than the program
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${HEATVEIL:-target/release/heatveil}
out=$1
if [ -f "$out/audit/checkpoint" ] && [ "$out/audit/checkpoint" -nt "$program" ]; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" simulate --survey --height 120 --side 10 --step 10 --lane 16 --out "$work/high" >/dev/null
mkdir "$work/in"
cp fixtures/flight/frames/* "$work/in/"
number=0
for frame in "$work"/high/frames/*; do
  number=$((number + 1))
  [ $number -gt 3 ] || cp "$frame" "$work/in/high-${number}_T.JPG"
done
echo "no image" > "$work/in/notes.jpg"
grep -v -e '^publish-beyond' -e '^keep-frames' tests/heat.toml > "$work/heat.toml"
sed -i "s#\"fixtures#\"$PWD/fixtures#" "$work/heat.toml"
"$program" run "$work/in" --config "$work/heat.toml" --out "$out" --overwrite --progress none --quiet >/dev/null || test $? -eq 3
