/** Services as they are installed: with a stand-in for each service manager, and systemd's own judgement of the unit. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plistOf } from "./launchd.ts";
import { taskOf } from "./scheduled_task.ts";
import { serviceOf } from "./service.ts";
import type { ServiceSpec, ServiceWorld } from "./spec.ts";
import { unitOf } from "./systemd.ts";

let home: string;
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), "colink-service-"))));
afterEach(() => rmSync(home, { recursive: true }));

const spec: ServiceSpec = {
  name: "colink-client",
  description: "Co-Link node",
  command: ["/bin/true", "--config", '/home/a b/100%/$HOME/"x".yaml'],
  isSystem: false,
  stopSeconds: 660,
  systemUser: "colink-node",
  badConfigurationCode: 2,
};

/** Runs nothing: notes what would be run, and answers with 0. */
function aWorld(platform: NodeJS.Platform, more: Partial<ServiceWorld> = {}) {
  const ran: string[] = [];
  const said: string[] = [];
  const world: Partial<ServiceWorld> = {
    platform,
    home,
    uid: 501,
    run: (command) => {
      ran.push(command.join(" "));
      return Promise.resolve({ code: 0, output: "" });
    },
    show: (command) => {
      ran.push(command.join(" "));
      return Promise.resolve(0);
    },
    say: (line) => void said.push(line),
    ...more,
  };
  return { ran, said, world };
}

/** A folder with a systemctl, because the search for one looks at the PATH. */
function env(): Record<string, string> {
  writeFileSync(join(home, "systemctl"), "#!/bin/sh\n");
  chmodSync(join(home, "systemctl"), 0o755);
  return { PATH: home };
}

test("systemd: the unit is written, enabled and started, and an edited one is never rewritten", async () => {
  const { ran, said, world } = aWorld("linux");
  await serviceOf(spec, "install", env(), world);
  const path = join(home, ".config/systemd/user/colink-client.service");
  expect(ran).toEqual([
    "systemctl --user daemon-reload",
    "systemctl --user daemon-reload",
    "systemctl --user enable colink-client.service",
    "systemctl --user restart colink-client.service",
    "loginctl enable-linger",
  ]);
  await serviceOf({ ...spec, stopSeconds: 5 }, "install", env(), world);
  expect(readFileSync(path, "utf8")).toContain("TimeoutStopSec=5\n");

  appendFileSync(path, "# mine\n");
  const mine = readFileSync(path, "utf8");
  await serviceOf({ ...spec, command: ["/opt/new"] }, "install", env(), world);
  expect(readFileSync(path, "utf8")).toBe(mine);
  expect(readFileSync(`${path}.d/10-co-link.conf`, "utf8")).toContain('ExecStart="/opt/new"');
  expect(said.join("\n")).toContain("was edited and stays as it is");
  await serviceOf(spec, "uninstall", env(), world);
  expect(readFileSync(path, "utf8")).toBe(mine);
  expect(existsSync(`${path}.d/10-co-link.conf`)).toBe(false);
});

test("systemd: lingering that root has granted before counts, where the user may not ask for it", async () => {
  for (const [granted, expected] of [["yes", "It also runs"], ["no", "It ends when you log out"]]) {
    const { said, world } = aWorld("linux", {
      run: (command) => {
        const isRefused = command[1] === "enable-linger";
        return Promise.resolve({ code: isRefused ? 1 : 0, output: `Linger=${granted}\n` });
      },
    });
    await serviceOf(spec, "install", env(), world);
    expect(said.at(-1)).toStartWith(expected!);
  }
});

test.skipIf(Bun.which("systemd-analyze") === null)(
  "systemd itself finds nothing wrong with the units (skipped without systemd-analyze)",
  async () => {
    for (const isSystem of [false, true]) {
      const path = join(home, "colink-client.service");
      writeFileSync(path, unitOf({ ...spec, isSystem, environmentFile: "/etc/x.env" }));
      const level = isSystem ? [] : ["--user"];
      const child = Bun.spawn(["systemd-analyze", ...level, "verify", path], {
        stdout: "pipe",
        stderr: "pipe",
        env: { ...process.env, XDG_RUNTIME_DIR: home },
      });
      const said = await child.stdout.text() + await child.stderr.text();
      const ours = said.split("\n").filter((line) => line.includes("colink-client"));
      expect({ isSystem, ours }).toEqual({ isSystem, ours: [] });
    }
  },
);

test("systemd: what a service manager refuses is said with its own words, and no unit stays behind", async () => {
  const run = () => Promise.resolve({ code: 1, output: "Failed to connect to bus\n" });
  const { world } = aWorld("linux", { run });
  await expect(serviceOf(spec, "install", env(), world)).rejects
    .toThrow(
      /^systemctl daemon-reload failed: Failed to connect to bus\n.*sudo colink-client service install --system$/,
    );
  expect(existsSync(join(home, ".config"))).toBe(false);
});

test("systemd: the state and the log of a service that was never installed are answered with how to install it", async () => {
  for (const action of ["status", "logs"] as const) {
    const run = () => Promise.resolve({ code: 0, output: "LoadState=not-found\n" });
    const { ran, world } = aWorld("linux", { run });
    await expect(serviceOf(spec, action, env(), world)).rejects
      .toThrow("no service here: colink-client service install makes it one");
    expect(ran).toEqual([]);
  }
});

test("systemd: where it does not run, every action says in words that there is no service manager", async () => {
  const run = (command: readonly string[]) =>
    Promise.resolve({
      code: 1,
      output: command.includes("is-system-running") ? "offline\n" : "Failed to connect to bus\n",
    });
  for (const action of ["install", "uninstall", "status", "logs"] as const) {
    const { ran, world } = aWorld("linux", { run });
    await expect(serviceOf(spec, action, env(), world)).rejects
      .toThrow(/^This machine has no service manager/);
    expect(ran).toEqual([]);
  }
});

test("a system-wide service needs root, and a machine without a manager is told what to do", async () => {
  const { world } = aWorld("linux");
  await expect(serviceOf({ ...spec, isSystem: true }, "install", env(), world)).rejects
    .toThrow("needs root");
  await expect(serviceOf(spec, "install", { PATH: "/nowhere" }, world)).rejects
    .toThrow("has no service manager that Co-Link knows");
});

test("launchd: the agent is well-formed, loaded anew, and an edited one stays", async () => {
  const { ran, world } = aWorld("darwin");
  await serviceOf(spec, "install", {}, world);
  const path = join(home, "Library/LaunchAgents/org.colink.client.plist");
  const text = readFileSync(path, "utf8");
  expect(text.indexOf("<?xml")).toBe(0);
  expect(text).toEndWith(plistOf(spec, join(home, "Library/Logs/colink-client.log")));
  expect(ran).toEqual([
    "launchctl bootout gui/501/org.colink.client",
    `launchctl bootstrap gui/501 ${path}`,
  ]);
  appendFileSync(path, "<!-- mine -->");
  await serviceOf({ ...spec, command: ["/opt/new"] }, "install", {}, world);
  expect(readFileSync(path, "utf8")).toBe(`${text}<!-- mine -->`);
});

test("Windows: a task that restarts is made once, and one that exists stays", async () => {
  const { ran, world } = aWorld("win32", {
    run: (command) => {
      ran.push(command.join(" "));
      return Promise.resolve({ code: command.includes("/Query") && !isMade ? 1 : 0, output: "" });
    },
  });
  let isMade = false;
  await serviceOf(spec, "install", { LOCALAPPDATA: home }, world);
  isMade = true;
  await serviceOf(spec, "install", { LOCALAPPDATA: home }, world);
  expect(ran.filter((line) => line.includes("/Create"))).toHaveLength(1);
  const task = taskOf(spec, "C:\\log & more");
  expect(task).toContain("<RestartOnFailure>");
  expect(task).toContain("C:\\log &amp; more");
});
