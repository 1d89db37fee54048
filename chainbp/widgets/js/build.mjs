// Bundles the sources into ../static, or with `--out FOLDER` elsewhere. Each file begins with the hash of all sources,
// which tests/widgets/test_bundle.py compares without needing esbuild.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] === "--out" ? resolve(process.argv[3]) : join(here, "..", "static");

const sources = [".", "figures"]
  .flatMap((folder) => readdirSync(join(here, folder)).map((name) => (folder === "." ? name : `${folder}/${name}`)))
  .filter((name) => /\.(js|css)$/.test(name))
  .concat("../shared.json", "../../palette.css")
  .sort();
const hash = createHash("sha256");
for (const name of sources) hash.update(`${name}\n`).update(readFileSync(join(here, name)));
const banner = `/* chainbp live figures; built by chainbp/widgets/js, do not edit. sources ${hash.digest("hex").slice(0, 16)} */`;

// What is bundled besides our own sources, with its license.
const licenses = ["d3-contour", "d3-array"].map((name) => {
  const folder = join(here, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return `/*! ${name} ${version}\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n*/`;
});

const common = { absWorkingDir: here, bundle: true, minify: true, charset: "utf8", target: "es2023", write: false };
for (const [entry, name, format] of [
  ["jupyter.js", "widgets.js", "esm"],
  ["book.js", "book.js", "iife"],
  ["widgets.css", "widgets.css", undefined],
]) {
  const { outputFiles } = await build({ ...common, entryPoints: [entry], format });
  const notices = name.endsWith(".js") ? `${licenses.join("\n")}\n` : "";
  writeFileSync(join(out, name), `${banner}\n${notices}${outputFiles[0].text}`);
}
