/** What nodes' owners fetch: `/download/…`, the release's files, and the scripts that install them. */

import { readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { LATEST_FILE, licenses, readLatest, releaseFiles, SUMS_FILE } from "../../release/mod.ts";
import { networkOf } from "../account/network.ts";
import type { Budget, Budgets } from "../base/budgets.ts";
import type { Config } from "../base/config.ts";
import { ColinkError } from "../base/error.ts";
import type { Limiter } from "../limit/limiter.ts";
import type { Origin } from "./address.ts";
import type { AppContext } from "./env.ts";
import { gatewayUrl } from "./gateway_url.ts";

/** Of one network: an archive is large, and needs no account. */
const DOWNLOADS_PER_MINUTE = 60;

const types: Readonly<Record<string, string>> = {
  ".gz": "application/gzip",
  ".zip": "application/zip",
  ".json": "application/json; charset=utf-8",
};
const TEXT = "text/plain; charset=utf-8";

/** A file is kept by caches only as long as it is the newest. */
const fileHeaders = { "cache-control": "no-cache", "x-content-type-options": "nosniff" };
const scriptHeaders = { ...fileHeaders, "cache-control": "no-store" };

export interface DownloadsParts {
  /** Where the files of a release may be; the first that has one is used. */
  dirs: readonly string[];
  /** Where the scripts that install a node are. */
  installDir: string;
  releaseKeys: readonly string[];
  config: Pick<Config, "publicUrl" | "basePath">;
  origin: (c: AppContext) => Origin;
  limiter: Pick<Limiter, "take">;
  budgets: Budgets;
}

/** The two scripts, as they stand in server/install/. */
export type InstallScript = "install.sh" | "install.ps1";

export class Downloads {
  readonly #parts: DownloadsParts;
  readonly #budget: Budget;

  constructor(parts: DownloadsParts) {
    this.#parts = parts;
    this.#budget = parts.budgets.add("downloads_per_network", { limit: DOWNLOADS_PER_MINUTE });
  }

  /**
   * `GET /download/NAME`: a file of the release; only names that a release has are looked up. Throws
   * not_found where there is none, and says how it comes there; rate_limit_exceeded.
   */
  async file(c: AppContext): Promise<Response> {
    const name = c.req.param("name") ?? "";
    const { bytes, modifiedMs, path } = this.#find(name);
    const etag = `"${bytes.toString(16)}-${modifiedMs.toString(16)}"`;
    const headers = { ...fileHeaders, etag };
    if (c.req.header("if-none-match") === etag) return new Response(null, { status: 304, headers });
    if (isArchive(name)) await this.#expectRate(c);
    return new Response(Bun.file(path), {
      headers: {
        ...headers,
        "content-type": types[extname(name)] ?? TEXT,
        // Set here because the runtime would answer HEAD with a length of 0.
        "content-length": String(bytes),
      },
    });
  }

  #find(name: string): { path: string; bytes: number; modifiedMs: number } {
    if (!releaseFiles.has(name)) {
      throw new ColinkError("not_found", `Cannot send ${shown(name)}: a release has no such file`);
    }
    const dir = this.#folder();
    const path = join(dir ?? "", name);
    const stat = dir === null ? undefined : statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile()) return { path, bytes: stat.size, modifiedMs: Math.trunc(stat.mtimeMs) };
    throw new ColinkError("not_found", `Cannot send ${name}: ${MISSING}`);
  }

  /** The first that holds a release: files of two releases must not be mixed. Null: none does. */
  #folder(): string | null {
    const holdsRelease = (dir: string) =>
      statSync(join(dir, SUMS_FILE), { throwIfNoEntry: false }) !== undefined;
    return this.#parts.dirs.find(holdsRelease) ?? null;
  }

  async #expectRate(c: AppContext): Promise<void> {
    const network = networkOf(this.#parts.origin(c).address);
    const verdict = await this.#parts.limiter.take(`download:${network}`, DOWNLOADS_PER_MINUTE);
    if (verdict.allowed) return;
    this.#budget.refused();
    throw new ColinkError(
      "rate_limit_exceeded",
      `Cannot send the file now: your network has had ${DOWNLOADS_PER_MINUTE} programs within a minute; ` +
        "try again in a minute",
      { retryAfterMs: verdict.retryAfterMs },
    );
  }

  /** `GET /download/`: the version that is offered, and each file's size and SHA-256. Throws not_found. */
  list(c: AppContext): Response {
    const dir = this.#folder();
    if (dir === null) throw new ColinkError("not_found", `Cannot list the programs: ${MISSING}`);
    const lines = readFileSync(join(dir, SUMS_FILE), "utf8").split("\n");
    const files = lines.flatMap((line) => {
      const [sha256, name = ""] = line.split(/ [ *]/);
      if (!releaseFiles.has(name)) return [];
      const stat = statSync(join(dir, name), { throwIfNoEntry: false });
      return stat?.isFile() ? [{ name, bytes: stat.size, sha256 }] : [];
    });
    const { version, committed_at } = readLatest(readFileSync(join(dir, LATEST_FILE), "utf8"));
    return c.json({ version, committed_at, files }, 200, fileHeaders);
  }

  /**
   * `GET /install.sh` and `/install.ps1`: the script with this gateway's own address and the keys that
   * its releases are signed with. Throws invalid_request where the address cannot stand in a script.
   */
  script(name: InstallScript): (c: AppContext) => Response {
    const { installDir, releaseKeys } = this.#parts;
    const template = readFileSync(join(installDir, name), "utf8");
    return (c) => {
      const filled = template
        .replace("@GATEWAY@", gatewayUrl(c, this.#parts))
        .replace("@KEYS@", releaseKeys.join(" "))
        .replace("@SSH_KEYS@", releaseKeys.map(sshKey).join(" "));
      return new Response(filled, { headers: { ...scriptHeaders, "content-type": TEXT } });
    };
  }
}

const MISSING =
  "this gateway has no copy of it. Its operator makes one with `npx bun@1.4.5 run release`, and " +
  "puts what is then in bin/downloads/ into the folder that COLINK_DOWNLOADS_DIR names; or build " +
  "it yourself with `npx bun@1.4.5 run build`: docs/deployment.md, Releases";

function isArchive(name: string): boolean {
  return /\.(tar\.gz|zip)$/.test(name);
}

/** A name of the caller's own making, for a message. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}

/** The key as `ssh-keygen` reads it: RFC 8709, section 4. */
function sshKey(key: string): string {
  const type = Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1");
  return Buffer.concat([type, Buffer.from(key, "base64")]).toString("base64");
}

/** `GET /licenses.txt`: the notices of all packages in this program. */
export function licenseNotices(): Response {
  return new Response(licenses(), { headers: { ...fileHeaders, "content-type": TEXT } });
}
