/** A database server of our own: on a private port, in a temporary folder, gone without a trace. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "../program.ts";

/** Servers that have not said so within this are not going to. */
const READY_WITHIN_MS = 30_000;

export interface Service {
  readonly url: string;
  readonly program: Program;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

export interface ServiceCommand {
  name: string;
  url: string;
  command: string[];
  /** What it prints when it takes connections. */
  ready: RegExp;
  folder: string;
  /** Default: SIGTERM. */
  stopSignal?: NodeJS.Signals;
}

export async function startService(service: ServiceCommand): Promise<Service> {
  const { name, url, command, ready, folder } = service;
  // Ctrl-C is ours to handle: tests that still run must not lose their database first.
  const program = new Program(name, command, { cwd: folder, shielded: true });
  const stop = async () => {
    await program.stop({ signal: service.stopSignal });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await program.line((line) => ready.test(line) || undefined, READY_WITHIN_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, program, stop };
}

export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `co-link-${name}-`));
}
