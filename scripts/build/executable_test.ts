/** An executable that would die at its start is refused when it is built. */

import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { run } from "../program.ts";
import { root } from "../root.ts";
import { compile } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "executable-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function project(name: string, code: string) {
  const entry = join(folder, name, "main.ts");
  await Bun.write(entry, code);
  await Bun.write(join(folder, name, "console", "index.html"), "<p>console</p>");
  return {
    entry: relative(root, entry),
    output: relative(root, join(folder, name, "program")),
    version: "1.2.3+abc",
    needsAddon: false,
  };
}

test("a program without the addon it needs is not built", async () => {
  const plain = await project("plain", "console.log(1);");
  await expect(compile({ ...plain, needsAddon: true })).rejects.toThrow(
    /native addon .* not installed/,
  );
  expect(existsSync(join(root, plain.output))).toBe(false);
});

test("a program is one file that carries its version and its assets, and no map lies beside it", async () => {
  const whole = await project(
    "whole",
    `declare const BUILD_VERSION: string;
     const page = await Bun.file(import.meta.dir + "/console/index.html").text();
     console.log(BUILD_VERSION, page);`,
  );
  await compile({ ...whole, assets: [join(folder, "whole", "console")] });
  expect(readdirSync(join(folder, "whole")).sort()).toEqual(["console", "main.ts", "program"]);
  rmSync(join(folder, "whole", "console"), { recursive: true });
  const { output } = await run([join(root, whole.output)], { cwd: "/" });
  expect(output).toBe("1.2.3+abc <p>console</p>");
});

test("settings that lie in the folder one stands in do not change the program", async () => {
  const env = await project("env", `console.log(process.env.FROM_DOTENV ?? "untouched");`);
  await compile(env);
  await Bun.write(join(folder, "env", ".env"), "FROM_DOTENV=changed");
  await Bun.write(join(folder, "env", "bunfig.toml"), `preload = ["./missing.ts"]`);
  const { output } = await run([join(root, env.output)], { cwd: join(folder, "env") });
  expect(output).toBe("untouched");
});
