/** Pebble, Let's Encrypt's own test server for ACME: this machine's, or built from its Go module. */

import { existsSync, mkdirSync } from "node:fs";
import { run } from "../program.ts";
import { at } from "../root.ts";

const MODULE = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.3";

/** Kept between runs. */
const folder = at("node_modules", ".cache", "co-link-pebble");

export interface PebbleFound {
  /** Null: the tests that need it are left out. */
  program: string | null;
  /** How it was come by, or why not. */
  note: string;
}

/** Where it is, without building it; null: nowhere. */
export function findPebble(): string | null {
  const built = `${folder}/pebble`;
  return Bun.which("pebble") ?? (existsSync(built) ? built : null);
}

/** Finds it, or builds it, which takes a Go and half a minute. Never throws. */
export async function findOrBuildPebble(): Promise<PebbleFound> {
  const found = findPebble();
  if (found !== null) return { program: found, note: "" };
  const go = Bun.which("go", { PATH: `${process.env.PATH ?? ""}:/usr/local/go/bin` });
  if (go === null) {
    return { program: null, note: "no pebble and no Go: tests of ACME are left out" };
  }
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
  const { code } = await run([go, "install", MODULE], { env });
  const program = findPebble();
  return code === 0 && program !== null
    ? { program, note: `built ${MODULE}` }
    : { program: null, note: `cannot build ${MODULE}: tests of ACME are left out` };
}
