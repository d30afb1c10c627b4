/** `client update`: takes the newest program that the gateway offers, verified, and goes back if it does not connect. */

import { chmodSync, linkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  archiveName,
  buildFacts,
  isNewer,
  isWindows,
  programPath,
  ReleaseError,
  SIGNATURE_FILE,
  SignedSums,
  SUMS_FILE,
  type Target,
} from "../../release/mod.ts";
import { command, type Env } from "../command.ts";
import { loadConfig, serverUrls } from "../config/config.ts";
import { askControl, type Instance } from "../daemon/control.ts";
import type { DaemonStatus } from "../daemon/daemon.ts";
import { gatewayAddress, offeredRelease } from "../daemon/update_check.ts";
import { CommandError } from "./command_error.ts";
import { Gateway, printable } from "./gateway.ts";
import { configPathOf, instanceFlags } from "./instance.ts";
import { programName } from "./program_name.ts";
import { systemError } from "../config/system_error.ts";
import { shown, t } from "../texts.ts";

/** An archive is about 40 MiB; far more is none. */
const MAX_ARCHIVE_BYTES = 400 * 1024 * 1024;
const DOWNLOAD_WITHIN_MS = 10 * 60_000;
const CONNECT_WITHIN_MS = 60_000;
/** A program that opens no door within this time does not run; service managers wait a few seconds. */
const START_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 500;

export const update = command({
  about:
    t`Take the newest program that the gateway offers; back to this one if it does not connect`,
  args: {
    ...instanceFlags,
    check: { type: "boolean", description: t`Only say whether there is a newer one` },
  },
  async run(args, env) {
    const configPath = configPathOf(args, env);
    const { config } = loadConfig(configPath, env);
    const url = serverUrls(config)[0]!;
    const gateway = new Gateway(gatewayAddress(url));
    const latest = await offeredRelease(url).catch((error: Error) => {
      throw new CommandError(t`Cannot reach ${gateway.address}: ${printable(error.message)}`);
    });
    if (latest === null) {
      console.log(t`${gateway.address} offers no programs; this one is ${buildFacts.version}`);
      return 0;
    }
    if (!isNewer(latest, buildFacts)) {
      console.log(t`This program is ${buildFacts.version}; the gateway offers ${latest.version}`);
      return 0;
    }
    console.log(t`The gateway offers ${latest.version}; this program is ${buildFacts.version}`);
    if (args.check) return 0;
    const { target } = buildFacts;
    if (target === null || !Bun.isStandaloneExecutable) {
      throw new CommandError(
        t`This program runs from source: update the source instead (git pull)`,
      );
    }
    const program = await download(gateway, target);
    return await swap(program, { configPath, as: args.as }, env);
  },
});

/** The program's bytes, whose checksum is signed by a key that this program trusts. Throws CommandError. */
async function download(gateway: Gateway, target: Target): Promise<Uint8Array> {
  const archive = archiveName("client", target);
  try {
    const [sums, signature, packed] = await Promise.all(
      [SUMS_FILE, SIGNATURE_FILE, archive].map((file) => bytesAt(gateway, file)),
    );
    SignedSums.read(sums!, signature!, buildFacts.releaseKeys).check(archive, packed!);
    return unpacked(packed!, programPath("client", target), isWindows(target));
  } catch (error) {
    if (error instanceof ReleaseError) throw new CommandError(error.message);
    throw error;
  }
}

async function bytesAt(gateway: Gateway, file: string): Promise<Uint8Array> {
  const url = `${gateway.address}/download/${file}`;
  const failure = (state: string) =>
    new CommandError(t`Cannot download ${url}: ${state}. Nothing was changed; try again later`);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_WITHIN_MS) });
    if (!response.ok) throw failure(t`the gateway answered ${response.status}`);
    const bytes = await response.bytes();
    if (bytes.byteLength > MAX_ARCHIVE_BYTES) throw failure(t`it is far too large`);
    return bytes;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw failure(printable((error as Error).message));
  }
}

/** One file out of a .tar.gz, or with the system's own tar out of a .zip. Throws CommandError. */
function unpacked(archive: Uint8Array, path: string, isZip: boolean): Uint8Array {
  const command = isZip ? ["tar", "-xOf", "-", path] : ["tar", "-xzOf", "-", path];
  const { exitCode, stdout } = Bun.spawnSync(command, { stdin: archive, stderr: "ignore" });
  if (exitCode === 0 && stdout.byteLength > 0) return stdout;
  throw new CommandError(
    t`Cannot unpack ${path}: the archive has no such file. Nothing was changed`,
  );
}

/** Puts the program in the place of this one, and the old one back if the node does not connect with it. */
async function swap(program: Uint8Array, instance: Instance, env: Env): Promise<number> {
  const own = process.execPath;
  const fresh = `${own}.new`;
  const old = `${own}.old`;
  try {
    writeFileSync(fresh, program, { mode: 0o755, flush: true });
    chmodSync(fresh, 0o755);
  } catch (error) {
    rmSync(fresh, { force: true });
    const why = shown(systemError(error));
    // A disk that is full is full for other users, too: there is no use in naming one.
    const isFull = /^(ENOSPC|EDQUOT)$/.test((error as { code?: string }).code ?? "");
    throw new CommandError(
      isFull
        ? t`Cannot write ${fresh}: ${why}. Nothing was changed; make room there (a program takes about 130 MB) and try again`
        : t`Cannot write ${fresh}: ${why}. Nothing was changed; update as the user who owns ${
          dirname(own)
        }`,
    );
  }
  const trial = Bun.spawnSync([fresh, "--version"], { stdout: "pipe", stderr: "pipe" });
  if (trial.exitCode !== 0) {
    rmSync(fresh, { force: true });
    throw new CommandError(t`The new program does not start on this machine. Nothing was changed`);
  }
  const version = trial.stdout.toString().trim();
  const before = await statusOf(instance, env);
  exchange(own, { fresh, old });
  if (before === null) {
    console.log(t`Updated to ${version}. The node did not run; start it: ${programName}`);
    return 0;
  }
  console.log(t`Restarting the node with ${version}; its calls may end first …`);
  await askControl(instance, "restart", {}, env);
  if (await connectsAs(version, before.pid, instance, env)) {
    rmSync(old, { force: true });
    console.log(t`Updated to ${version}: the node is connected.`);
    return 0;
  }
  renameSync(old, own);
  await startAgain(before, instance, env);
  throw new CommandError(
    t`The node did not connect with ${version} within a minute: ${buildFacts.version} is back in its place.`,
    t`See why: ${programName} doctor`,
  );
}

/** Keeps the old program beside the new one. An interruption leaves one of them in place. */
function exchange(own: string, { fresh, old }: { fresh: string; old: string }): void {
  rmSync(old, { force: true });
  // Windows lets a program that runs be renamed, but not replaced.
  if (process.platform === "win32") renameSync(own, old);
  else linkSync(own, old);
  renameSync(fresh, own);
}

/** Starts the program that is back in its place: its own process may be gone, and no service manager may care. */
async function startAgain(before: DaemonStatus, instance: Instance, env: Env): Promise<void> {
  const isThere = await askControl(instance, "restart", { graceMs: 0 }, env)
    .then(() => true, () => false);
  if (isThere || before.isService) return;
  const { configPath, as } = instance;
  const args = ["--config", configPath, ...as === undefined ? [] : ["--as", as]];
  Bun.spawn([process.execPath, ...args], {
    stdio: ["ignore", "ignore", "ignore"],
    env: { ...env },
    detached: true,
  }).unref();
}

function statusOf(instance: Instance, env: Env): Promise<DaemonStatus | null> {
  return askControl<DaemonStatus>(instance, "status", {}, env).catch(() => null);
}

/** Running calls end first, however long that takes; the minute begins when the new program runs. */
async function connectsAs(
  version: string,
  pid: number,
  instance: Instance,
  env: Env,
): Promise<boolean> {
  let endMs: number | null = null;
  let goneMs: number | null = null;
  for (;;) {
    const status = await statusOf(instance, env);
    goneMs = status === null ? goneMs ?? performance.now() : null;
    if (goneMs !== null && performance.now() - goneMs > START_WITHIN_MS) return false;
    const isOld = status !== null && status.version !== version && status.pid === pid;
    if (!isOld) endMs ??= performance.now() + CONNECT_WITHIN_MS;
    if (status?.version === version && status.state === "connected") return true;
    if (endMs !== null && performance.now() > endMs) return false;
    await Bun.sleep(LOOK_EVERY_MS);
  }
}
