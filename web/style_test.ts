import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";

/** Files of web/ that match the pattern, by path, with their text. */
async function read(pattern: string): Promise<Map<string, string>> {
  const paths = [...new Glob(pattern).scanSync(import.meta.dir)];
  const texts = await Promise.all(
    paths.map((path) => Bun.file(join(import.meta.dir, path)).text()),
  );
  return new Map(paths.map((path, i) => [path, texts[i] ?? ""]));
}

/** Class names that a stylesheet defines for its module. */
function defined(css: string): Set<string> {
  const own = css.replace(/\/\*.*?\*\//gs, "").replace(/:global\([^)]*\)/g, "")
    .replace(/from "[^"]*"/g, "").replace(/\d*\.\d+/g, "");
  return new Set([...own.matchAll(/\.([a-z][A-Za-z0-9]*)/g)].map(([, name = ""]) => name));
}

/** `path class` of every class that a component takes from a stylesheet. */
function used(path: string, source: string): string[] {
  const names: string[] = [];
  for (
    const [, local, target = ""] of source.matchAll(
      /import \* as (\w+) from "([^"]+\.module\.css)"/g,
    )
  ) {
    const sheet = join(path, "..", target);
    for (const [, name] of source.matchAll(new RegExp(`(?<![.\\w])${local}\\.(\\w+)`, "g"))) {
      names.push(`${sheet} ${name}`);
    }
  }
  return names;
}

/** `path class` of every class that others of the stylesheet build on. */
function composed(path: string, css: string): string[] {
  return [...css.matchAll(/composes: (\w+)(?: from "([^"]+)")?/g)].map(([, name, target]) =>
    `${target === undefined ? path : join(path, "..", target)} ${name}`
  );
}

const sheets = await read("**/*.module.css");
const components = await read("**/*.{ts,tsx}");
const uses = new Set([
  ...[...components].flatMap(([path, source]) => used(path, source)),
  ...[...sheets].flatMap(([path, css]) => composed(path, css)),
]);

test("every class that a component names is in its stylesheet", () => {
  const missing = [...uses].filter((use) => {
    const [path = "", name = ""] = use.split(" ");
    return !defined(sheets.get(path) ?? "").has(name);
  });
  expect(missing).toEqual([]);
});

test("every class of a stylesheet is used by a component", () => {
  const unused = [...sheets].flatMap(([path, css]) =>
    [...defined(css)].map((name) => `${path} ${name}`)
  ).filter((name) => !uses.has(name));
  expect(unused).toEqual([]);
});

test("nothing needs a secure context without a way around it", () => {
  // On plain HTTP, anywhere but on localhost, these are undefined.
  const secureOnly =
    /\b(?:crypto\.(?:randomUUID|subtle)|navigator\.(?:clipboard|credentials|serviceWorker|storage|locks)|caches\.)/;
  const ways = ["manual/manual.ts", "part/CopyButton.tsx"];
  const users = [...components].filter(([path, source]) =>
    !/_test\.|^testing\//.test(path) && secureOnly.test(source)
  );
  expect(users.map(([path]) => path)).toEqual(ways);
});
