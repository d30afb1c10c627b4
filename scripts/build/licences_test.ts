/** Every package that is shipped comes with the notices that its licence asks for. */

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { licencesOf, shippedPackages } from "./licences.ts";

const folder = mkdtempSync(join(tmpdir(), "licences-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function install(path: string, license: string | undefined, files: Record<string, string>) {
  const home = join(folder, "node_modules", path);
  const name = path.split("node_modules/").at(-1);
  await Bun.write(join(home, "package.json"), JSON.stringify({ name, version: "1.0.0", license }));
  for (const [file, text] of Object.entries(files)) await Bun.write(join(home, file), text);
  return join(home, "dist", "index.js");
}

test("each package is listed once, by its innermost folder, whatever many of its files are shipped", async () => {
  const inputs = [
    await install("outer", "MIT", {}),
    await install("@scope/inner", "ISC", {}),
    await install("outer/node_modules/inner", "MIT", {}),
    await install("outer", "MIT", {}),
    join(folder, "own.ts"),
  ];
  expect(shippedPackages(inputs).map(({ name }) => name)).toEqual([
    "@scope/inner",
    "inner",
    "outer",
  ]);
});

test("all notices of a package are passed on, and a missing text is the standard one", async () => {
  const inputs = [
    await install("noted", "Apache-2.0", { LICENSE: "its licence", "NOTICE.txt": "its notice" }),
    await install("bare", "MIT", {}),
  ];
  const text = await licencesOf(shippedPackages(inputs));
  expect(text).toContain("noted 1.0.0 (Apache-2.0)");
  expect(text).toContain("its licence\n\nits notice");
  expect(text).toContain("Copyright (c) the authors of bare");
  expect(text).toContain(`https://github.com/oven-sh/bun/blob/bun-v${Bun.version}/LICENSE.md`);
});

test("a package without a licence stops the build, by name", async () => {
  const inputs = [await install("unlicensed", undefined, {})];
  await expect(licencesOf(shippedPackages(inputs))).rejects.toThrow(
    /unlicensed 1.0.0 \(no licence/,
  );
});
