"""The bill of materials of a program that `.ci/dist` built (CycloneDX 1.5), as JSON.

    python3 .ci/sbom.py PROGRAM TO.json

In: the lockfile as cargo resolves it, ONNX Runtime's library, the cards of the models, the lockfile of the map library. Out: every part with licence and hash. Fails
where a file is not the one that is pinned, and where the list that cargo-auditable put into the program is another. Same inputs, same bytes. Standard library alone.
"""

import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def part(kind, ref, name, version, licence, hashes, **more):
    hashes = [{"alg": algorithm, "content": content} for algorithm, content in hashes.items()]
    return {
        "type": kind,
        "bom-ref": ref,
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "hashes": hashes,
        **more,
    }


def crates():
    """Packages that are in the program or made it, and who depends on whom."""
    host = re.search(r"host: (.*)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    told = json.loads(subprocess.check_output(command, cwd=ROOT))
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node["deps"] for node in told["resolve"]["nodes"]}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    sums = {(package["name"], package["version"]): package.get("checksum") for package in locked}
    is_macro = {
        key: any("proc-macro" in target["kind"] for target in package["targets"])
        for key, package in packages.items()
    }

    def below(start, kinds):
        found, open_ = set(), [start]
        while open_:
            key = open_.pop()
            if key in found:
                continue
            found.add(key)
            open_ += [dep["pkg"] for dep in nodes[key] if kinds(dep)]
        return found

    def kinds_of(dependency):
        return {kind["kind"] for kind in dependency["dep_kinds"]}

    root = told["resolve"]["root"]
    inside = below(root, lambda dep: None in kinds_of(dep) and not is_macro[dep["pkg"]])
    # build.rs packs the table of this one.
    inside |= {key for key, package in packages.items() if package["name"] == "ostn15_phf"}
    used = below(root, lambda dep: kinds_of(dep) & {None, "build"})

    def ref(key):
        package = packages[key]
        return f"pkg:cargo/{package['name']}@{package['version']}"

    parts, edges = [], []
    for key in sorted(used, key=ref):
        package = packages[key]
        below_it = {ref(dep["pkg"]) for dep in nodes[key] if dep["pkg"] in used and kinds_of(dep) & {None, "build"}}
        edges.append({"ref": ref(key), "dependsOn": sorted(below_it)})
        if key == root:
            continue
        checksum = sums[package["name"], package["version"]]
        licence = (package["license"] or "").replace("/", " OR ")
        scope = "required" if key in inside else "excluded"
        parts.append(
            part("library", ref(key), package["name"], package["version"], licence, {"SHA-256": checksum}, purl=ref(key), scope=scope)
        )
    names = {(packages[key]["name"], packages[key]["version"]) for key in used}
    return packages[root], ref(root), parts, edges, names


def compare(program, names):
    """The list inside the program (cargo-auditable: zlib in section .dep-v0) must be this one."""
    section = program.with_suffix(".dep")
    subprocess.check_call(["objcopy", "-O", "binary", "--only-section=.dep-v0", "--set-section-flags", ".dep-v0=alloc", program, section])
    told = json.loads(zlib.decompress(section.read_bytes()))["packages"]
    section.unlink()
    # What only made the program is in both lists; they part it differently.
    listed = {(package["name"], package["version"]) for package in told}
    if listed != names:
        sys.exit(f"in the program alone: {sorted(listed - names)}; in the lockfile alone: {sorted(names - listed)}")


def runtime():
    path = ROOT / ".setup/onnxruntime/libonnxruntime.so"
    found = sha256(path)
    known = re.findall(r'^    "([0-9a-f]{64})",$', (ROOT / "src/detect/library.rs").read_text(), re.M)
    if found not in known:
        sys.exit(f"{path} has SHA-256 {found}, which src/detect/library.rs does not know")
    version = re.search(r"version=([0-9.]+) target=", (ROOT / ".ci/setup").read_text()).group(1)
    what = "libonnxruntime.so, beside the program; its hash is checked at every start"
    return part(
        "library", "onnxruntime", "onnxruntime", version, "MIT", {"SHA-256": found}, purl=f"pkg:pypi/onnxruntime@{version}", description=what
    )


def models():
    for card_path in sorted((ROOT / "models").glob("*.toml")):
        card = tomllib.loads(card_path.read_text())
        for precision in ("fp32", "int8"):
            file = card["files"].get(precision)
            if file is None:
                continue
            if sha256(card_path.with_name(file["file"])) != file["sha256"]:
                sys.exit(f"models/{file['file']} is not the file on its card")
            name, what = f"{card['name']} {precision}", f"{file['file']}, inside the program; its hash is checked at every start"
            yield part(
                "machine-learning-model", f"model/{file['file']}", name, card["version"], card["licence"], {"SHA-256": file["sha256"]}, description=what
            )


def web_packages():
    """What esbuild may take into the bundle of the map; none where the program was built without it."""
    if not (ROOT / ".setup/web/licences.txt").exists():
        return
    lock = json.loads((ROOT / "src/web/package-lock.json").read_text())
    for path, package in sorted(lock["packages"].items()):
        if not path or package.get("dev"):
            continue
        name = path.rpartition("node_modules/")[2]
        algorithm, _, digest = package["integrity"].partition("-")
        if algorithm != "sha512":
            sys.exit(f"{name}: a hash that is not SHA-512")
        purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
        hashes = {"SHA-512": base64.b64decode(digest).hex()}
        yield part("library", f"npm/{path}", name, package["version"], package["license"], hashes, purl=purl, scope="required")


def main(program, target):
    program = pathlib.Path(program)
    root, root_ref, parts, edges, names = crates()
    compare(program, names)
    others = [runtime(), *models(), *web_packages()]
    next(edge for edge in edges if edge["ref"] == root_ref)["dependsOn"] += [other["bom-ref"] for other in others]
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0"))))
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": made,
            "component": part(
                "application", root_ref, root["name"], root["version"], root["license"], {"SHA-256": sha256(program)}, purl=root_ref
            ),
        },
        "components": parts + others,
        "dependencies": edges,
    }
    pathlib.Path(target).write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")
    inside = sum(component.get("scope") == "required" for component in parts)
    print(f"sbom: {len(parts)} crates ({inside} inside the program), {len(others)} other parts", file=sys.stderr)


main(*sys.argv[1:])
