/** The one line that makes a machine a node: install.sh, run by several shells, against a release and what can be wrong with it. */

import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Hono } from "hono";
import {
  archiveName,
  LATEST_FILE,
  programPath,
  SIGNATURE_FILE,
  SSH_SIGNATURE_FILE,
  SUMS_FILE,
} from "../release/mod.ts";
import { hostTarget } from "../scripts/build/facts.ts";
import { run } from "../scripts/program.ts";
import { packTarGz } from "../scripts/release/archive.ts";
import { sshSignature } from "../scripts/release/ssh_signature.ts";
import { at } from "../scripts/root.ts";
import { Budgets } from "../server/base/budgets.ts";
import { Downloads } from "../server/http/downloads.ts";
import type { AppEnv } from "../server/http/env.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";

const target = hostTarget();
const archive = archiveName("client", target);

/** What the script may call, and no more: a machine's other programs must not help it. */
const TOOLS = ["cat", "chmod", "grep", "id", "mkdir", "mktemp", "mv", "rm", "sed", "tar", "gzip"]
  .concat("uname", "sha256sum", "curl");

/** A stand-in for the node: says its version, and writes down with what it was called. */
function program(version: string): string {
  return `#!/bin/sh
case $1 in
  --version) echo ${version} ;;
  *) echo "$@" >>"$HOME/calls" ;;
esac
`;
}

interface ReleaseOptions {
  version?: string;
  program?: string;
  /** The key that signs; default: the gateway's. */
  key?: KeyObject;
  /** Whether the gateway was built with a release key. */
  isKeyed?: boolean;
}

interface Machine {
  readonly home: string;
  /** Where the release's files are served from. */
  readonly downloads: string;
  /** What the node was called with, a line each. */
  calls(): string;
  readonly program: string;
  /** Runs the script as a person pastes it. */
  install(words?: string[], options?: { shell?: string[]; env?: Record<string, string> }): Promise<
    { code: number; output: string }
  >;
  publish(options?: ReleaseOptions): Promise<void>;
}

/** A home folder, a gateway with a release, and a PATH with the tools that are named and no others. */
async function machine(
  { tools = ["openssl"], ...release }: ReleaseOptions & { tools?: string[] } = {},
): Promise<Machine> {
  const folder = temporaryFolder();
  const [home, downloads, bin] = ["home", "downloads", "bin"].map((name) => join(folder, name));
  for (const dir of [home!, downloads!, bin!]) mkdirSync(dir);
  for (const tool of [...TOOLS, ...tools]) symlinkSync(Bun.which(tool)!, join(bin!, tool));
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
  const url = serve(downloads!, release.isKeyed === false ? [] : [key]);
  const dir = join(home!, "programs");
  const publish = (more: ReleaseOptions = {}) =>
    publishRelease(downloads!, { key: privateKey, ...release, ...more });
  await publish();
  return {
    home: home!,
    downloads: downloads!,
    publish,
    program: join(dir, "colink-client"),
    calls() {
      const file = join(home!, "calls");
      return existsSync(file) ? readFileSync(file, "utf8").replaceAll(url, "GW") : "";
    },
    async install(words = [], { shell = ["/bin/sh"], env = {} } = {}) {
      const script = await (await fetch(`${url}/install.sh`)).text();
      const outcome = await run([...shell, "-s", "--", "--dir", dir, ...words], {
        input: script,
        env: { PATH: bin!, HOME: home!, ...env },
      });
      return { ...outcome, output: outcome.output.replaceAll(url, "GW") };
    },
  };
}

function serve(dir: string, releaseKeys: string[]): string {
  const downloads = new Downloads({
    dirs: [dir],
    installDir: at("server", "install"),
    releaseKeys,
    config: { publicUrl: null, basePath: "" },
    origin: () => ({ address: "127.0.0.1", isSecure: false }),
    limiter: {
      take: () => ({ allowed: true, limit: 1, remaining: 1, resetMs: 0, retryAfterMs: 0 }),
    },
    budgets: new Budgets(),
  });
  const app = new Hono<AppEnv>().onError((error, c) => c.text(error.message, 404));
  app.get("/download/:name", (c) => downloads.file(c));
  app.get("/install.sh", downloads.script("install.sh"));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) => app.fetch(request, { server } as unknown as AppEnv["Bindings"]),
  });
  endAfterTests(() => server.stop(true));
  return server.url.href.replace(/\/$/, "");
}

async function publishRelease(folder: string, options: ReleaseOptions): Promise<void> {
  const { version = "1.0.0+aaaaaaa", key } = options;
  const files: Record<string, Uint8Array> = {
    [archive]: await packTarGz([{
      name: programPath("client", target),
      data: Buffer.from(options.program ?? program(version)),
      isExecutable: true,
    }]),
    [LATEST_FILE]: Buffer.from(JSON.stringify({ version, committed_at: null }, null, 2)),
  };
  const sums = Object.entries(files).map(([name, data]) =>
    `${new Bun.CryptoHasher("sha256").update(data).digest("hex")}  ${name}\n`
  ).join("");
  files[SUMS_FILE] = Buffer.from(sums);
  files[SIGNATURE_FILE] = sign(null, files[SUMS_FILE], key!);
  files[SSH_SIGNATURE_FILE] = Buffer.from(sshSignature(files[SUMS_FILE], key!));
  for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
}

const shells = [["/bin/sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"]]
  .filter(([name]) => Bun.which(name!) !== null)
  .map(([name, ...flags]) => [Bun.which(name!)!, ...flags]);

describe("one pasted line", () => {
  for (const shell of shells) {
    test(`installs the node and joins it with the code, in ${shell.join(" ").replace(/.*\//, "")}`, async () => {
      const { install, ...made } = await machine();
      const { code, output } = await install(["7KQ4-M2XP"], { shell });
      expect(output).toContain(`Installed ${made.program} 1.0.0+aaaaaaa`);
      expect(output).not.toContain("Warning");
      expect(code).toBe(0);
      expect(made.calls()).toBe("join GW 7KQ4-M2XP\n");
      expect(readdirSync(join(made.home, "programs"))).toEqual(["colink-client"]);
    });
  }

  test("a second time it downloads nothing; a newer release replaces the program", async () => {
    const { install, publish, ...made } = await machine();
    await install();
    rmSync(join(made.downloads, archive));
    expect((await install()).output).toContain("Already installed");
    await publish({ version: "1.1.0+bbbbbbb" });
    expect((await install()).output).toContain("Installed");
    expect((await run([made.program, "--version"])).output).toBe("1.1.0+bbbbbbb");
    expect(made.calls()).toBe("join GW\n".repeat(3));
  });

  test("--dry-run says what it would do and does nothing", async () => {
    const { install, home } = await machine();
    const { code, output } = await install(["CODE", "--dry-run"]);
    expect(output).toContain(`Would download GW/download/${archive}`);
    expect(output).toContain("Would run: ");
    expect(code).toBe(0);
    expect(readdirSync(home)).toEqual([]);
  });

  test("--uninstall removes the program and leaves the configuration, and once more does no harm", async () => {
    const { install, ...made } = await machine();
    await install(["--no-join"]);
    const config = join(made.home, ".config", "co-link", "config.yaml");
    mkdirSync(join(config, ".."), { recursive: true });
    writeFileSync(config, "mine");
    expect((await install(["--uninstall"])).output).toContain(`Removed ${made.program}`);
    expect(made.calls()).toBe("service uninstall\n");
    expect(existsSync(made.program)).toBe(false);
    expect(readFileSync(config, "utf8")).toBe("mine");
    expect(await install(["--uninstall"])).toMatchObject({ code: 0 });
  });
});

describe("the signature is checked", () => {
  for (const tool of ["openssl", "ssh-keygen"].filter((name) => Bun.which(name) !== null)) {
    test(`by ${tool}: another key's release and a changed list are refused`, async () => {
      const { install, publish, ...made } = await machine({ tools: [tool] });
      await publish({ key: generateKeyPairSync("ed25519").privateKey });
      const foreign = await install();
      await publish();
      const sums = join(made.downloads, SUMS_FILE);
      writeFileSync(sums, `${readFileSync(sums, "utf8")}\n`);
      const changed = await install();
      for (const { code, output } of [foreign, changed]) {
        expect(output).toContain("its signature does not fit the gateway's release key");
        expect(code).toBe(1);
      }
      expect(readdirSync(join(made.home, "programs"))).toEqual([]);
      expect(made.calls()).toBe("");
      await publish();
      expect(await install(["--require-signature"])).toMatchObject({ code: 0 });
    });
  }

  test("where nothing can check it: with a warning, or not at all if that is asked for", async () => {
    const bare = await machine({ tools: [] });
    const strict = await bare.install(["--require-signature"]);
    expect(strict).toMatchObject({ code: 1 });
    expect(strict.output).toContain("neither OpenSSL 3 nor ssh-keygen");
    const { code, output } = await bare.install();
    expect(output).toContain("Warning: the signature is not checked");
    expect(code).toBe(0);
    const unkeyed = await machine({ isKeyed: false });
    expect((await unkeyed.install()).output).toContain("built without a release key");
  });
});

describe("nothing is installed, and the next step is named, when", () => {
  async function refused(made: Machine, words: string[] = []): Promise<string> {
    const { code, output } = await made.install(words);
    expect(code).toBe(1);
    expect(made.calls()).toBe("");
    expect(existsSync(made.program)).toBe(false);
    const programs = join(made.home, "programs");
    if (existsSync(programs)) expect(readdirSync(programs)).toEqual([]);
    return output;
  }

  test("the archive was changed", async () => {
    const made = await machine();
    writeFileSync(join(made.downloads, archive), "something else");
    expect(await refused(made)).toContain("its checksum is wrong");
  });

  test("the version was changed", async () => {
    const made = await machine();
    const latest = join(made.downloads, LATEST_FILE);
    writeFileSync(latest, readFileSync(latest, "utf8").replace("1.0.0", "0.9.0"));
    expect(await refused(made)).toContain("Cannot verify latest.json");
  });

  test("the gateway has no program for this machine", async () => {
    const made = await machine();
    rmSync(join(made.downloads, archive));
    expect(await refused(made)).toContain("the gateway does not offer it. Its operator makes");
  });

  test("the program does not run here", async () => {
    const made = await machine({ program: "#!/bin/sh\necho no such library >&2; exit 127\n" });
    expect(await refused(made)).toContain("Cannot run the program here: no such library");
  });

  test("the words are no code and no flag", async () => {
    const made = await machine();
    expect(await refused(made, ["$(id)"])).toContain("letters, digits and dashes");
    expect(await refused(made, ["--sytem"])).toContain("no such flag");
    expect(await refused(made, ["A", "B"])).toContain("one code is enough");
  });

  test("its folder cannot be made", async () => {
    const made = await machine();
    writeFileSync(join(made.home, "file"), "");
    expect(await refused(made, ["--dir", join(made.home, "file", "bin")])).toContain("--dir");
  });

  test("the script arrives only in part", async () => {
    const made = await machine();
    const script = readFileSync(at("server", "install", "install.sh"), "utf8");
    for (const share of [0.3, 0.6, 0.99]) {
      const part = script.slice(0, Math.floor(script.length * share));
      const { output } = await run(["/bin/sh"], { input: part, env: { HOME: made.home } });
      expect(output).not.toContain("Install");
    }
    expect(readdirSync(made.home)).toEqual([]);
  });

  const canMount = process.platform === "linux" && process.getuid?.() === 0;
  test.skipIf(!canMount)(
    `the disk is full${canMount ? "" : " (skipped: only root can make a small disk)"}`,
    async () => {
      const made = await machine({ program: program("1") + "#".repeat(2 ** 20) });
      // Noise, so that the archive is as large as the program.
      await made.publish({
        program: `${program("1")}exit\n${
          Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("hex")
        }`,
      });
      const disk = join(made.home, "programs");
      mkdirSync(disk);
      chmodSync(disk, 0o755);
      const small = `mount -t tmpfs -o size=64k tmpfs ${disk} && exec /bin/sh "$@"`;
      const { code, output } = await made.install([], {
        shell: [Bun.which("unshare")!, "-m", Bun.which("bash")!, "-c", small, "sh"],
        env: { PATH: `${process.env.PATH}` },
      });
      expect(output).toContain("room on the disk");
      expect(code).toBe(1);
      expect(existsSync(made.program)).toBe(false);
    },
  );
});

test.skipIf(Bun.which("wget") === null)("wget serves where curl is missing", async () => {
  const made = await machine({ tools: ["openssl", "wget"] });
  const bin = join(made.home, "..", "bin");
  rmSync(join(bin, "curl"));
  expect(await made.install()).toMatchObject({ code: 0 });
  expect(made.calls()).toBe("join GW\n");
});
