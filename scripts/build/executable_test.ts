/** An executable that would die at its start is refused when it is built. */

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { run } from "../program.ts";
import { root } from "../root.ts";
import { expectAddon } from "./addon.ts";
import { compile } from "./executable.ts";
import { hostTarget } from "./facts.ts";

const folder = mkdtempSync(join(tmpdir(), "executable-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function project(name: string, code: string) {
  const entry = join(folder, name, "main.ts");
  await Bun.write(entry, code);
  await Bun.write(join(folder, name, "console", "index.html"), "<p>console</p>");
  return {
    entry: relative(root, entry),
    output: relative(root, join(folder, name, "program")),
    facts: {
      version: "1.2.3+abc",
      target: hostTarget(),
      committedAt: "2026-01-01T00:00:00Z",
      releaseKeys: ["a key"],
    },
    needsAddon: false,
  };
}

test("where the native addon for the target is not installed, the build is refused by its name", () => {
  expect(() => expectAddon("windows-arm64", folder)).toThrow("@node-rs/bcrypt-win32-arm64-msvc");
  expect(() => expectAddon("linux-x64-musl", folder)).toThrow("--libc='*'");
  expect(() => expectAddon(hostTarget())).not.toThrow();
});

test("a program is one file that carries its facts, its assets and its packages' licences, and nothing lies beside it", async () => {
  const whole = await project(
    "whole",
    `import { Hono } from "${root}/node_modules/hono";
     import { buildFacts } from "${root}/release/mod.ts";
     const read = (file) => Bun.file(import.meta.dir + file).text();
     new Hono();
     console.log(JSON.stringify(buildFacts), await read("/console/index.html"));
     console.log(await read("/licenses.txt"));`,
  );
  await compile({ ...whole, assets: [join(folder, "whole", "console")] });
  expect(readdirSync(join(folder, "whole")).sort()).toEqual(["console", "main.ts", "program"]);
  rmSync(join(folder, "whole", "console"), { recursive: true });
  const { output } = await run([join(root, whole.output)], { cwd: "/" });
  expect(output).toStartWith(`${JSON.stringify(whole.facts)} <p>console</p>`);
  expect(output).toContain(readFileSync(join(root, "node_modules/hono/LICENSE"), "utf8").trim());
});

test("a program that would name the folder it was built in is refused", async () => {
  const naming = await project(
    "naming",
    `console.log(${JSON.stringify(join(root, "node_modules", "x"))});`,
  );
  await expect(compile(naming)).rejects.toThrow(/names this machine's folders/);
});

test("settings that lie in the folder one stands in do not change the program", async () => {
  const env = await project("env", `console.log(process.env.FROM_DOTENV ?? "untouched");`);
  await compile(env);
  await Bun.write(join(folder, "env", ".env"), "FROM_DOTENV=changed");
  await Bun.write(join(folder, "env", "bunfig.toml"), `preload = ["./missing.ts"]`);
  const { output } = await run([join(root, env.output)], { cwd: join(folder, "env") });
  expect(output).toBe("untouched");
});
