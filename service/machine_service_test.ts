/** How a command finds the machine's service, and what it runs in its place. */

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inPlaceOf, machineService, runInPlaceOf } from "./machine_service.ts";

const units = mkdtempSync(join(tmpdir(), "colink-units-"));
writeFileSync(join(units, "colink-server.service"), "");
afterAll(() => rmSync(units, { recursive: true }));

const systemd = (output: string) => ({ run: () => Promise.resolve({ code: 0, output }) });

test("the unit's user, environment and files are what a command in its place gets", async () => {
  const service = await machineService(
    "colink-server",
    systemd(`LoadState=loaded
User=colink
Environment=COLINK_DATA_DIR=/var/lib/co-link "A=b c"
EnvironmentFiles=/etc/co-link/server.env (ignore_errors=yes)
EnvironmentFiles=/etc/more (1).env (ignore_errors=no)
`),
    units,
  );
  const env = { LANG: "zh_CN.UTF-8", PGPASSWORD: "secret", HOME: "/root" };
  const line = inPlaceOf(service!, ["/bin/server", "admin", "set$up"], env, "/root");
  expect(line).toEqual([
    ..."systemd-run --quiet --collect --wait --pty --pipe --uid=colink".split(" "),
    "--property=WorkingDirectory=-/root",
    "--property=EnvironmentFile=-/etc/co-link/server.env",
    "--property=EnvironmentFile=/etc/more (1).env",
    '--property=Environment=COLINK_DATA_DIR=/var/lib/co-link "A=b c"',
    "--setenv=LANG=zh_CN.UTF-8",
    "/bin/server",
    "admin",
    "set$$up",
  ]);
});

test("a password reaches the command in a file of root's alone, which is removed afterwards", async () => {
  const secrets = mkdtempSync(join(units, "run-"));
  const service = { name: "colink-server", user: "colink", environment: "", environmentFiles: [] };
  const prefix = `--property=EnvironmentFile=${secrets}`;
  const seen: unknown[] = [];
  const show = (line: readonly string[]) => {
    const file = line.find((word) => word.startsWith(prefix))!.replace(/^[^=]*=[^=]*=/, "");
    seen.push(
      line.join(" ").includes("cret"),
      readFileSync(file, "utf8"),
      statSync(file).mode & 0o777,
    );
    return Promise.resolve(3);
  };
  const env = { PGPASSWORD: 'se"c\\cret' };
  const command = ["/bin/server", "migrate"];
  expect(await runInPlaceOf(service, command, { env, show }, "/root", secrets)).toBe(3);
  expect(seen).toEqual([false, 'PGPASSWORD="se\\"c\\\\cret"', 0o600]);
  expect(readdirSync(secrets)).toEqual([]);
});

test("no unit, one that is not loaded, one of root's, and a systemd that does not answer are no service", async () => {
  const loaded = systemd("LoadState=loaded\nUser=colink\n");
  expect(await machineService("colink-server", loaded, units)).not.toBeNull();
  expect(await machineService("colink-other", loaded, units)).toBeNull();
  for (
    const world of [
      systemd("LoadState=masked\nUser=colink\n"),
      systemd("LoadState=loaded\nUser=\n"),
      systemd("LoadState=loaded\nUser=root\n"),
      { run: () => Promise.resolve({ code: 1, output: "" }) },
      { run: () => Promise.resolve(null) },
    ]
  ) expect(await machineService("colink-server", world, units)).toBeNull();
});
