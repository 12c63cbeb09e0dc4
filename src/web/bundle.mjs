// `make web`: bundles the map library into a folder that is not committed, with the licences of all that is in it.
// node src/web/bundle.mjs NODE_MODULES FOLDER

import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const [modules, out] = process.argv.slice(2).map((name) => path.resolve(name));
const { build } = createRequire(`${modules}/`)("esbuild");
mkdirSync(out, { recursive: true });

const result = await build({
  entryPoints: [fileURLToPath(new URL("bundle.js", import.meta.url))],
  outfile: path.join(out, "map-library.js"),
  nodePaths: [modules],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  metafile: true,
});
const library = path.join(modules, "maplibre-gl/dist");
copyFileSync(path.join(library, "maplibre-gl.css"), path.join(out, "map-library.css"));
// The worker is a bundle already; its map of sources is left out.
const worker = readFileSync(path.join(library, "maplibre-gl-worker.mjs"), "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
writeFileSync(path.join(out, "map-worker.js"), worker);

/** Packages whose code is in the bundles: those that esbuild read, and all that the library's own bundles were made of. */
const read = Object.keys(result.metafile.inputs).map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]);
const { dependencies } = JSON.parse(readFileSync(path.join(modules, "maplibre-gl/package.json"), "utf8"));
const texts = [...new Set([...read, ...Object.keys(dependencies)])].filter(Boolean).sort().map((name) => {
  const folder = path.join(modules, name);
  if (!existsSync(folder)) return "";
  const { version, license } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(path.join(folder, file), "utf8") : "";
  return `${name} ${version}: ${license}\n\n${text}\n`;
});
writeFileSync(path.join(out, "licences.txt"), texts.join(`${"-".repeat(80)}\n`));
