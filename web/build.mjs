// Makes the page: bundles src/, names each file by its content, packs it, and writes a C++ file that holds all of it.
//
//   node web/build.mjs OUT.cc [FOLDER]      FOLDER: the same files, to look at
//
// Runs on Node 18. node_modules is put in place by tools/setup.sh.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const [target, folder] = process.argv.slice(2);
const packed_bytes_max = 150 * 1024;

const types = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  woff2: "font/woff2",
  html: "text/html; charset=utf-8",
};

async function bundle() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: { app: "src/app/main.tsx", theme: "src/app/theme_early.ts" },
    outdir: "/assets",
    write: false,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome109", "firefox115", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    charset: "utf8",
    legalComments: "none",
    loader: { ".woff2": "file" },
    assetNames: "[name]-[hash]",
    publicPath: "/assets",
    logLevel: "warning",
  });
  return result.outputFiles.map((file) => ({ path: file.path.replace(/\\/g, "/"), bytes: Buffer.from(file.contents) }));
}

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
const named = ({ path, bytes }) => {
  const hashed = /-[A-Z0-9]{8}\.\w+$/.test(path) ? path : path.replace(/\.(\w+)$/, `-${hash(bytes).slice(0, 8)}.$1`);
  return { path: hashed, bytes };
};

function packed(asset) {
  const type = asset.path === "/" ? "html" : asset.path.split(".").pop();
  const gzip = gzipSync(asset.bytes, { level: 9 });
  gzip[9] = 255; // the operating system's name has no place in it: the same source gives the same bytes
  const helps = gzip.length < asset.bytes.length * 0.95;
  return { ...asset, type: types[type], gzip: helps ? gzip : Buffer.alloc(0) };
}

function cpp(assets) {
  const lines = ['// Made from web/ by web/build.mjs.', '#include "app/page_assets.h"', "", "namespace millrace {", "namespace {"];
  const array = (name, bytes) => {
    if (bytes.length === 0) return "{}";
    const rows = [];
    for (let at = 0; at < bytes.length; at += 32) rows.push([...bytes.subarray(at, at + 32)].join(","));
    lines.push(`constexpr unsigned char ${name}[] = {\n${rows.join(",\n")}};`);
    return `{reinterpret_cast<const char*>(${name}), sizeof ${name}}`;
  };
  const rows = assets.map((asset, i) => {
    const plain = array(`kPlain${i}`, asset.bytes);
    const gzip = array(`kGzip${i}`, asset.gzip);
    return `    {"${asset.path}", "${asset.type}", ${plain}, "${hash(asset.bytes)}", ${gzip}, "${hash(asset.gzip)}"}`;
  });
  lines.push(`const PageAsset kAssets[] = {\n${rows.join(",\n")}};`, "}  // namespace", "");
  lines.push("std::span<const PageAsset> page_assets() { return kAssets; }", "", "}  // namespace millrace", "");
  return lines.join("\n");
}

const files = (await bundle()).map(named);
files.push(named({ path: "/assets/icon.svg", bytes: readFileSync(join(here, "icon.svg")) }));
let page = readFileSync(join(here, "index.html"), "utf8");
for (const { path } of files) {
  page = page.replaceAll(path.replace(/-\w{8}(\.\w+)$/, "$1"), path);
}
files.push({ path: "/", bytes: Buffer.from(page) });

const assets = files.map(packed);
const sum = assets.reduce((total, asset) => total + (asset.gzip.length || asset.bytes.length), 0);
if (sum > packed_bytes_max) {
  console.error(`web: ${sum} bytes packed, ${packed_bytes_max} are the most`);
  process.exit(1);
}
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, cpp(assets));
if (folder) {
  for (const { path, bytes } of assets) {
    const file = join(folder, path === "/" ? "index.html" : path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}
console.log(`web: ${assets.length} files, ${sum} bytes packed`);
