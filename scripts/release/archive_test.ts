/** Archives are the same bytes for the same files, and other programs unpack them. */

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../program.ts";
import { packTarGz, packZip } from "./archive.ts";
import { targetOfBinary } from "./binary.ts";
import { hostTarget } from "../build/facts.ts";

const folder = mkdtempSync(join(tmpdir(), "archive-"));
afterAll(() => rmSync(folder, { recursive: true }));

const files = [
  { name: "one/program", data: Buffer.from("#!/bin/sh\necho runs\n"), isExecutable: true },
  { name: "one/LICENSE", data: Buffer.from("its licence") },
];

test("tar unpacks them, and what is executable can be run", async () => {
  await Bun.write(join(folder, "a.tar.gz"), await packTarGz(files));
  await run(["tar", "-xzf", "a.tar.gz"], { cwd: folder });
  expect(await run([join(folder, "one", "program")])).toEqual({ code: 0, output: "runs" });
  expect(statSync(join(folder, "one", "LICENSE")).mode & 0o777).toBe(0o644);
});

const hasUnzip = Bun.which("unzip") !== null;
test.skipIf(!hasUnzip)(`unzip unpacks them${hasUnzip ? "" : " (skipped: no unzip)"}`, async () => {
  await Bun.write(join(folder, "a.zip"), await packZip(files));
  const { code, output } = await run(["unzip", "-p", "a.zip", "one/LICENSE"], { cwd: folder });
  expect({ code, output }).toEqual({ code: 0, output: "its licence" });
});

test("the bytes depend on nothing but the files, not on time zone or time", async () => {
  const script = (nowMs: number) => `
    Date.now = () => ${nowMs};
    import { packTarGz, packZip } from ${JSON.stringify(join(import.meta.dir, "archive.ts"))};
    const files = [{ name: "a", data: Buffer.from("b") }];
    const hash = (bytes) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    console.log(hash(await packTarGz(files)), hash(await packZip(files)));`;
  const outcomes = await Promise.all(
    ["UTC", "Asia/Shanghai", "America/Los_Angeles"].map((TZ, i) =>
      run([process.execPath, "-e", script(i * 1e12)], { env: { ...process.env, TZ } })
    ),
  );
  expect(new Set(outcomes.map(({ output }) => output)).size).toBe(1);
  expect(outcomes[0]!.output).toMatch(/^[0-9a-f]{64} [0-9a-f]{64}$/);
});

test("a binary says which machine it is for", async () => {
  const own = await Bun.file(process.execPath).bytes();
  expect(targetOfBinary(own)).toBe(hostTarget());
  expect(targetOfBinary(Buffer.from("#!/bin/sh\n".repeat(100)))).toBeNull();
  expect(targetOfBinary(Buffer.alloc(10))).toBeNull();
});
