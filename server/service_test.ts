/** Which commands act as the machine's service, and which gateway they mean otherwise. */

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceWorld } from "../service/mod.ts";
import { runAsMachineService } from "./service.ts";

const units = mkdtempSync(join(tmpdir(), "colink-units-"));
writeFileSync(join(units, "colink-server.service"), "");
afterAll(() => rmSync(units, { recursive: true }));

/** Notes what would be run. */
function aMachine({ uid = 0, home = "/nowhere" } = {}) {
  const shown: string[] = [];
  const world = {
    ...serviceWorld({}),
    platform: "linux" as const,
    uid,
    home,
    run: () => Promise.resolve({ code: 0, output: "LoadState=loaded\nUser=colink\n" }),
    show: (command: readonly string[]) => {
      shown.push(command.join(" "));
      return Promise.resolve(3);
    },
  };
  return {
    shown,
    run: (line: string, env = {}) => runAsMachineService(line.split(" "), env, world, units),
  };
}

test("root's commands on kept data run as the service's user, with their exit code", async () => {
  for (const line of ["admin setup", "backup /x", "restore /x", "migrate --to y", "doctor"]) {
    const { shown, run } = aMachine();
    expect(await run(line)).toBe(3);
    expect(shown[0]).toContain("--uid=colink");
    expect(shown[0]).toEndWith(` ${line}`);
  }
});

test("a gateway that is named by a setting is meant instead, and serving is nobody else's", async () => {
  const { shown, run } = aMachine();
  for (const name of ["COLINK_DATA_DIR", "DATABASE_URL", "JWT_SECRET"]) {
    expect(await run("admin setup", { [name]: "x" })).toBeNull();
  }
  for (const line of ["serve", "service status"]) expect(await run(line)).toBeNull();
  expect(shown).toEqual([]);
});

test("another user is told to use sudo, unless a gateway of their own has been here", async () => {
  await expect(aMachine({ uid: 1000 }).run("admin invite")).rejects.toMatchObject({
    problems: [
      "The gateway of this machine is the service colink-server: sudo colink-server admin invite",
    ],
  });
  mkdirSync(join(units, ".local/share/co-link"), { recursive: true });
  writeFileSync(join(units, ".local/share/co-link/colink.db"), "");
  expect(await aMachine({ uid: 1000, home: units }).run("admin invite")).toBeNull();
});
