/**
 * web/ → dist/web/: bundled, hashed, compressed, and listed in the manifest that the gateway serves from;
 * docs/ → dist/web/manual/.
 */

import { existsSync, renameSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { basename, extname, join, relative } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";
import type { Asset, Manifest } from "../server/http/assets.ts";
import { buildManual } from "./manual/build_manual.ts";
import type { ManualFiles } from "./manual/layout.ts";

const root = join(import.meta.dir, "..");
const place = join(root, "dist/web");

/** Each build has a folder of its own, so that builds at once do not remove each other's files. */
const folder = `dist/.web-${process.pid}`;
const out = join(root, folder);
/** Where the files of before go until the build's are in their place. */
const old = `${out}.old`;

/**
 * Of JavaScript, gzipped: the shell in English, what it imports, and the heaviest page. Chinese, charts
 * and the formatting of answers come when they are needed.
 */
const FIRST_VIEW_LIMIT_BYTES = 65 * 1024;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** Compressed by their own format: another turn would only cost the reader time. */
const squeezed: ReadonlySet<string> = new Set([".woff2"]);

/**
 * Builds the console again. Resolves with a line that says how large it is. Throws where the
 * sources do not bundle or the first view is too heavy.
 */
export async function buildWeb(): Promise<string> {
  await clear();
  try {
    await mkdir(out, { recursive: true });
    return await buildInFolder();
  } finally {
    await clear();
  }
}

async function clear(): Promise<void> {
  for (const made of [out, old]) await rm(made, { recursive: true, force: true });
}

/** A gateway that runs from source misses the files for a moment only, and finds the same ones again. */
async function putInPlace(): Promise<void> {
  for (let triesLeft = 3;; triesLeft--) {
    await rm(old, { recursive: true, force: true });
    try {
      if (existsSync(place)) renameSync(place, old);
      return renameSync(out, place);
    } catch (error) {
      // Another build may just have done the same.
      if (triesLeft === 0) throw error;
    }
  }
}

async function buildInFolder(): Promise<string> {
  const outputs = await bundle();
  await writeFile(join(out, "index.html"), await indexPage(outputs));
  const manifest = await compressAll();
  const weight = firstViewBytes(outputs, manifest);
  if (weight > FIRST_VIEW_LIMIT_BYTES) {
    throw new Error(
      `Cannot build the console: its first view is ${kib(weight)} of JavaScript, the limit is ${
        kib(FIRST_VIEW_LIMIT_BYTES)
      }; split a page or drop a dependency`,
    );
  }
  await writeFile(join(out, "manifest.json"), JSON.stringify(manifest, null, 2));
  const pages = await buildManual(join(root, "docs"), join(out, "manual"), manualFiles(outputs));
  await writeFile(`${place}.inputs.json`, JSON.stringify(inputsOf(outputs)));
  await putInPlace();
  return `${Object.keys(manifest).length} files, first view ${
    kib(weight)
  }, ${pages} pages of the manual`;
}

const common: BuildOptions = {
  absWorkingDir: root,
  outdir: folder,
  entryNames: "assets/[name]-[hash]",
  chunkNames: "assets/[name]-[hash]",
  bundle: true,
  minify: true,
  metafile: true,
  target: "es2022",
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
  assetNames: "assets/[name]-[hash]",
  loader: { ".svg": "copy", ".woff2": "file" },
};

type Outputs = Metafile["outputs"];

async function bundle(): Promise<Outputs> {
  const styles = await bundleStyles();
  const built = await Promise.all([
    build({
      ...common,
      entryPoints: ["web/main.tsx", "web/icon.svg"],
      plugins: [classNames(styles.classes)],
      format: "esm",
      splitting: true,
    }),
    // Blocks the first paint, so it is a plain script with nothing to wait for.
    build({ ...common, entryPoints: ["web/boot.ts"], format: "iife" }),
    build({ ...common, entryPoints: [MANUAL.script, MANUAL.styles], format: "esm" }),
  ]);
  return Object.assign(styles.outputs, ...built.map((result) => result.metafile?.outputs));
}

/**
 * Builds the stylesheet of the whole console and resolves with its outputs and, by file, with the
 * class names of the components' stylesheets as they became in it. The global styles come first, then
 * those of parts, the shell and the pages, so that a page may override a part. All are one file,
 * although pages are loaded lazily: the whole is 8 KiB compressed, and a page that waited for a file
 * of its own would be drawn later, or without its styles first.
 */
async function bundleStyles(): Promise<{ outputs: Outputs; classes: Classes }> {
  const files = (await readdir(join(root, "web"), { recursive: true }))
    .filter((file) => file.endsWith(".module.css"));
  const ordered = ["part", "shell", "page"].flatMap((folder) =>
    files.filter((file) => file.startsWith(`${folder}/`)).sort(byName)
  );
  const contents = [
    `import "./web/style/main.css";`,
    ...ordered.map((file, i) => `import * as s${i} from "./web/${file}";`),
    `export default { ${ordered.map((file, i) => `"web/${file}": { ...s${i} }`).join(", ")} };`,
  ].join("\n");
  const { metafile } = await build({
    ...common,
    stdin: { contents, sourcefile: STYLES, resolveDir: root },
    entryNames: "assets/styles-[hash]",
    format: "esm",
  });
  const { outputs = {} } = metafile ?? {};
  const [script] = entry(outputs, STYLES);
  const { default: classes } = await import(join(root, script)) as { default: Classes };
  await rm(join(root, script));
  return { outputs, classes };
}

const STYLES = "styles.js";
const MANUAL = { script: "web/manual/manual.ts", styles: "web/manual/manual.css" };

/** By stylesheet, by the class's name there. */
type Classes = Record<string, Record<string, string>>;

/** Without regard to case, so that `Page` does not come before `button`. */
function byName(a: string, b: string): number {
  return a.localeCompare(b, "en");
}

/** Gives scripts the class names as constants, which esbuild writes where they are used. */
function classNames(classes: Classes): Plugin {
  return {
    name: "class names",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.module\.css$/ }, ({ path, resolveDir }) => ({
        path: join(resolveDir, path),
        sideEffects: false,
      }));
      onLoad({ filter: /\.module\.css$/ }, ({ path }) => {
        const { default: _, ...own } = classes[relative(root, path)] ?? {};
        const lines = Object.entries(own).map(([name, value]) =>
          `export const ${name} = ${JSON.stringify(value)};`
        );
        return { contents: lines.join("\n"), loader: "js" };
      });
    },
  };
}

/** web/index.html with each source that it names replaced by what the build made of it. */
async function indexPage(outputs: Outputs): Promise<string> {
  const [main] = entry(outputs, "web/main.tsx");
  const preloads = staticImports(outputs, main).map((file) =>
    `<link rel="modulepreload" href="${address(file)}">`
  );
  preloads.push(
    ...fontFiles(outputs).map((file) =>
      `<link rel="preload" as="font" type="font/woff2" href="${address(file)}" crossorigin>`
    ),
  );
  const made: Record<string, string> = {
    "/main.tsx": address(main),
    "/style/main.css": address(entry(outputs, STYLES)[1].cssBundle ?? ""),
    "/boot.ts": address(entry(outputs, "web/boot.ts")[0]),
    "/icon.svg": address(iconFile(outputs)),
  };
  const page = await readFile(join(root, "web/index.html"), "utf8");
  return page
    .replace(
      /"(\/[a-z/]+\.[a-z]+)"/g,
      (quoted, source) => made[source] ? `"${made[source]}"` : quoted,
    )
    .replace("</head>", `${preloads.join("")}</head>`)
    .replace(/\s*\n\s*/g, "");
}

/** What the manual's pages load, beside the console's own icon and the script that sets its theme. */
function manualFiles(outputs: Outputs): ManualFiles {
  const built = (source: string) => relative(folder, entry(outputs, source)[0]);
  return {
    script: built(MANUAL.script),
    styles: built(MANUAL.styles),
    boot: built("web/boot.ts"),
    icon: relative(folder, iconFile(outputs)),
  };
}

/** The sources that became part of the console, from the repository's root, sorted. */
function inputsOf(outputs: Outputs): string[] {
  const all = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
  return [...new Set(all)].sort();
}

function entry(outputs: Outputs, source: string): [file: string, output: Outputs[string]] {
  const found = Object.entries(outputs).find(([, output]) => output.entryPoint === source);
  if (!found) throw new Error(`Cannot build the console: ${source} made no file`);
  return found;
}

/** A copied file is no entry point in the metafile. */
function iconFile(outputs: Outputs): string {
  return Object.keys(outputs).find((file) => file.endsWith(".svg")) ?? "";
}

/** The typeface of the running text; that of code comes when there is some. */
function fontFiles(outputs: Outputs): string[] {
  return Object.keys(outputs).filter((file) => /geist-latin-[^/]*\.woff2$/.test(file));
}

function address(file: string): string {
  return "/" + relative(folder, file);
}

/** What a browser must load before `file` runs, itself excluded. */
function staticImports(outputs: Outputs, file: string, seen: string[] = []): string[] {
  for (const { path, kind } of outputs[file]?.imports ?? []) {
    if (kind !== "import-statement" || seen.includes(path)) continue;
    seen.push(path);
    staticImports(outputs, path, seen);
  }
  return seen;
}

function firstViewBytes(outputs: Outputs, manifest: Manifest): number {
  const [main, shell] = entry(outputs, "web/main.tsx");
  const shellFiles = [main, ...staticImports(outputs, main)];
  const size = (files: string[]) =>
    files.reduce((sum, file) => sum + gzipBytes(manifest[address(file)]), 0);
  const pages = shell.imports
    .filter(({ kind }) => kind === "dynamic-import")
    .map(({ path }) => [path, ...staticImports(outputs, path)])
    .map((files) => size(files.filter((file) => !shellFiles.includes(file))));
  const boot = gzipBytes(manifest[address(entry(outputs, "web/boot.ts")[0])]);
  return boot + size(shellFiles) + Math.max(0, ...pages);
}

function gzipBytes(asset: Asset | undefined): number {
  return asset?.sizes.gzip ?? asset?.sizes.identity ?? 0;
}

async function compressAll(): Promise<Manifest> {
  const files = await readdir(out, { recursive: true });
  const listed = files.filter((file) => extname(file) in types).sort();
  const assets = await Promise.all(listed.map(compress));
  return Object.fromEntries(assets.map((asset) => [`/${asset.file}`, asset]));
}

async function compress(file: string): Promise<Asset> {
  const bytes = await readFile(join(out, file));
  const packed = squeezed.has(extname(file)) ? {} : await pack(file, bytes);
  return {
    file,
    type: types[extname(file)] ?? "application/octet-stream",
    etag: createHash("sha256").update(bytes).digest("base64url").slice(0, 22),
    immutable: /-[A-Z0-9]{8}\.\w+$/.test(basename(file)),
    sizes: { identity: bytes.length, ...packed },
  };
}

/** Writes the file's two compressed forms beside it; resolves with their sizes. */
async function pack(file: string, bytes: Uint8Array): Promise<{ br: number; gzip: number }> {
  const br = await promisify(brotliCompress)(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const gz = await promisify(gzip)(bytes, { level: 9 });
  await writeFile(join(out, `${file}.br`), br);
  await writeFile(join(out, `${file}.gz`), gz);
  return { br: br.length, gzip: gz.length };
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

if (import.meta.main) console.log(`dist/web: ${await buildWeb()}`);
