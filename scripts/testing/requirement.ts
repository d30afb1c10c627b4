/** The programs that tests and benchmarks run against: found on this machine, or installed, or named. */

import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../program.ts";

export interface Requirement {
  name: string;
  /** The folder or file it was found at; null: not here. */
  find(): string | null;
  debian: string;
  brew: string;
  /** The variable that makes it unnecessary, if any. */
  instead?: string;
  /** Whether its tests are left out where it can be neither found nor installed. */
  isOptional?: true;
}

/** One row a program. */
export const requirements = Object.freeze({
  postgres: {
    name: "PostgreSQL",
    find: findPostgres,
    debian: "postgresql",
    brew: "postgresql",
    instead: "TEST_DATABASE_URL",
  },
  redis: {
    name: "Redis",
    find: () => which("redis-server", "valkey-server"),
    debian: "redis-server",
    brew: "redis",
    instead: "TEST_REDIS_URL",
  },
  chromium: { name: "Chromium", find: findChromium, debian: "chromium", brew: "--cask chromium" },
  chineseFont: {
    name: "a font with Chinese",
    find: findChineseFont,
    debian: "fonts-wqy-microhei",
    brew: "--cask font-noto-sans-cjk-sc",
  },
  pgbouncer: {
    name: "pgbouncer",
    find: () => which("pgbouncer"),
    debian: "pgbouncer",
    brew: "pgbouncer",
  },
  promtool: {
    name: "promtool",
    find: () => which("promtool"),
    debian: "prometheus",
    brew: "prometheus",
    isOptional: true,
  },
  nginx: { name: "nginx", find: () => which("nginx"), debian: "nginx-light", brew: "nginx" },
  haproxy: {
    name: "HAProxy",
    find: () => which("haproxy"),
    debian: "haproxy",
    brew: "haproxy",
  },
}) satisfies Record<string, Requirement>;

/**
 * Makes sure that all of them are here; as root on Debian it installs what is missing, which takes
 * a minute. Resolves with what it installed. Throws, naming every missing one that is not optional,
 * where it may not.
 */
export async function provide(needed: readonly Requirement[]): Promise<string[]> {
  const missing = needed.filter((one) => one.find() === null);
  if (missing.length === 0) return [];
  const mayInstall = process.getuid?.() === 0 && which("apt-get") !== null;
  const isVital = missing.some((one) => !one.isOptional);
  if (mayInstall) {
    await installPackages(missing.map((one) => one.debian)).catch((error) => {
      if (isVital) throw error;
    });
  }
  const still = missing.filter((one) => one.find() === null);
  const vital = still.filter((one) => !one.isOptional);
  if (vital.length > 0) throw new Error(advice(vital));
  return missing.filter((one) => !still.includes(one)).map((one) => one.debian);
}

function advice(missing: readonly Requirement[]): string {
  const names = missing.map((one) => one.name).join(", ");
  const debian = missing.map((one) => one.debian).join(" ");
  const brew = missing.map((one) => `brew install ${one.brew}`).join("; ");
  const instead = missing.flatMap((one) => one.instead ?? []);
  return `Cannot run the tests: ${names} not found. Install: sudo apt-get install ${debian} ` +
    `(Debian, Ubuntu) or ${brew} (macOS)` +
    (instead.length > 0 ? `, or set ${instead.join(" and ")} to running ones` : "");
}

/** Tells Debian's packages not to start their services: the tests run their own. */
const POLICY = "/usr/sbin/policy-rc.d";

async function installPackages(packages: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const ownsPolicy = !existsSync(POLICY);
  if (ownsPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await run(["apt-get", "update", "-q"], { env });
    const install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", ...packages];
    const { code, output } = await run(install, { env });
    if (code !== 0) throw new Error(`Cannot install ${packages.join(", ")}: ${output}`);
  } finally {
    if (ownsPolicy) rmSync(POLICY);
  }
}

/** Debian keeps the server's programs out of the PATH, one folder a version: the newest. */
function findPostgres(): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian)
    ? readdirSync(debian).map(Number).filter(Number.isFinite)
    : [];
  const folders = versions.toSorted((a, b) => b - a).map((version) =>
    join(debian, String(version), "bin")
  );
  const onPath = which("postgres");
  if (onPath !== null) folders.push(join(onPath, ".."));
  const isWhole = (folder: string) =>
    ["postgres", "initdb"].every((name) => existsSync(join(folder, name)));
  return folders.find(isWhole) ?? null;
}

function findChromium(): string | null {
  const mac = "/Applications/Chromium.app/Contents/MacOS/Chromium";
  return which("chromium", "chromium-browser", "google-chrome") ?? (existsSync(mac) ? mac : null);
}

/** Without one, a browser draws boxes. macOS brings its own. */
function findChineseFont(): string | null {
  if (process.platform === "darwin") return "/System/Library/Fonts";
  const list = which("fc-list");
  if (list === null) return null;
  const { stdout } = Bun.spawnSync([list, ":lang=zh-cn", "file"]);
  return stdout.toString().split("\n")[0] || null;
}

function which(...names: string[]): string | null {
  // Servers live in sbin, which is not on everybody's PATH.
  const path = `${process.env.PATH ?? ""}:/usr/sbin:/usr/local/sbin`;
  return names.map((name) => Bun.which(name, { PATH: path })).find((found) => found) ?? null;
}
