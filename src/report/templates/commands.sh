# 1. The signature over the checkpoint
work=$(mktemp -d)
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'
  cut -d+ -f3- audit/verifier.key | base64 -d | tail -c 32; } > $work/key
sed '/^$/,$d' audit/checkpoint > $work/text
sed -n 's/^— [^ ]* //p' audit/checkpoint | head -n 1 | base64 -d | tail -c 64 > $work/signature
openssl pkeyutl -verify -pubin -keyform DER -inkey $work/key -rawin -in $work/text -sigfile $work/signature

# 2. The root over all entries (RFC 6962)
python3 - <<'END'
import base64, hashlib
digest = lambda data: hashlib.sha256(data).digest()
def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return digest(b"\x01" + root(leaves[:half]) + root(leaves[half:]))
lines = open("audit/entries.jsonl", "rb").read().split(b"\n")[:-1]
print(len(lines), base64.b64encode(root([digest(b"\x00" + line) for line in lines])).decode())
END

# 3. Every published file
python3 - <<'END' | sha256sum --check --quiet
import json
for line in open("audit/entries.jsonl", encoding="utf-8"):
    entry = json.loads(line)
    told = {"tile.emitted": [entry], "buildings.emitted": entry.get("files")}
    for file in told.get(entry["type"], []):
        print(file["sha256"], "", file["path"])
END

# 4. What people decided, handed on and deleted
python3 - <<'END'
import json
for line in open("audit/entries.jsonl", encoding="utf-8"):
    entry = json.loads(line)
    if entry["type"] in ("review.decided", "release.approved", "raw.deleted"):
        told = ("type", "frame", "decision", "reason", "recipient", "approver", "category", "files", "left")
        print(*(f"{name}={entry[name]!r}" for name in told if name in entry))
END
