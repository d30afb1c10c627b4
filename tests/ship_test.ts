/** What is shipped says what the documentation promises. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { run } from "../scripts/program.ts";
import { at } from "../scripts/root.ts";
import { createAccount, signIn } from "./harness/account.ts";
import { temporaryFolder } from "./harness/cleanup.ts";
import { gatewayCommand, startGateway } from "./harness/gateway.ts";
import { nodeCommand } from "./harness/node.ts";

function readYaml(file: string) {
  return parse(readFileSync(at(file), "utf8"));
}

test("compose publishes the gateway's port and no other", () => {
  const { services, networks } = readYaml("compose.yaml");
  expect(services.gateway.ports).toEqual(["8080:8080"]);
  expect(services.postgres.ports).toBeUndefined();
  expect(services.redis.ports).toBeUndefined();
  expect(services.postgres.networks).toEqual(["inside"]);
  expect(services.redis.networks).toEqual(["inside"]);
  expect(networks.inside.internal).toBe(true);
});

test("compose does not start without a secret of one's own", () => {
  expect(readYaml("compose.yaml").services.gateway.environment.JWT_SECRET).toMatch(
    /^\$\{JWT_SECRET:\?/,
  );
});

test("compose starts gateways once PostgreSQL answers at its port, where they ask it", () => {
  for (const file of ["compose.yaml", "compose.cluster.yaml"]) {
    expect(readYaml(file).services.postgres.healthcheck.test).toContain("--host=127.0.0.1");
  }
});

test("compose's Redis keeps on disk what budgets of days and months have counted", () => {
  for (const file of ["compose.yaml", "compose.cluster.yaml"]) {
    const { services: { redis }, volumes } = readYaml(file);
    expect(redis.command.join(" ")).toContain("--save 60 1");
    expect(redis.volumes).toEqual(["redis:/data"]);
    expect(volumes).toHaveProperty("redis");
  }
});

test("packages are installed by exact version, no younger than a week, and run no script", () => {
  const { install } = Bun.TOML.parse(readFileSync(at("bunfig.toml"), "utf8")) as {
    install: { exact: boolean; minimumReleaseAge: number };
  };
  expect(install.exact).toBe(true);
  expect(install.minimumReleaseAge).toBeGreaterThanOrEqual(7 * 24 * 60 * 60);
  const { dependencies, devDependencies, trustedDependencies } = JSON.parse(
    readFileSync(at("package.json"), "utf8"),
  );
  expect(trustedDependencies).toEqual([]);
  const versions = Object.entries<string>({ ...dependencies, ...devDependencies });
  expect(versions.length).toBeGreaterThan(10);
  expect(versions.filter(([, version]) => !/^(npm:.+@)?\d+\.\d+\.\d+[\w.+-]*$/.test(version)))
    .toEqual([]);
});

test("the example configuration is the one that the README explains", () => {
  expect(readYaml("config.example.yaml")).toEqual({
    client_token: "client-your-token-here",
    server_url: "ws://your-server:8080/ws",
    max_parallel: 3,
    providers: [{
      type: "openai",
      api_key: "sk-your-api-key",
      base_url: "https://api.openai.com/v1",
      models: [{ local: "gpt-4-turbo", server_mapping: "pro-model" }],
    }],
  });
});

test("package.json and deno.json have the same tasks", () => {
  const { scripts } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  const { tasks } = JSON.parse(readFileSync(at("deno.json"), "utf8"));
  expect(tasks).toEqual(scripts);
});

const isSource = process.env.COLINK_TEST_SOURCE === "1";

test.skipIf(isSource)(
  "both programs and the console pass on the licences of what they are made of",
  async () => {
    const gateway = await startGateway();
    const web = await (await fetch(`${gateway.url}/licenses.txt`)).text();
    const programs = await Promise.all(
      [gatewayCommand(), nodeCommand()].map((command) => run([...command, "--licenses"])),
    );
    for (const text of [web, ...programs.map(({ output }) => output)]) {
      expect(text).toContain("MIT License");
      expect(text).toContain(`oven-sh/bun/blob/bun-v${Bun.version}/LICENSE.md`);
      expect(text).toContain("\nzod ");
    }
    // Of the console, which only the gateway carries: a package, and a font.
    for (const name of ["preact", "@fontsource-variable/geist"]) {
      expect(web).toContain(`\n${name} `);
      expect(programs[1]!.output).not.toContain(`\n${name} `);
    }
  },
);

test("a gateway offers the script that makes a node, and says what it lacks", async () => {
  const gateway = await startGateway({ env: { COLINK_DOWNLOADS_DIR: temporaryFolder() } });
  for (const script of ["install.sh", "install.ps1"]) {
    expect(await (await fetch(`${gateway.url}/${script}`)).text()).toContain(`'${gateway.url}'`);
  }
  const missing = await fetch(`${gateway.url}/download/`);
  expect(missing.status).toBe(404);
  expect((await missing.json() as { error: { message: string } }).error.message).toContain(
    "`npx bun@1.4.5 run release`",
  );
});

test.skipIf(process.platform !== "linux")(
  "where the temporary folder takes no native code, accounts work as before",
  async () => {
    const dataDir = temporaryFolder();
    const usual = await startGateway({ dataDir });
    const account = await createAccount(usual);
    await usual.stop();
    // No file can be made there, not even by root.
    const without = await startGateway({ dataDir, env: { TMPDIR: "/proc" } });
    expect((await signIn(without, account.email, account.password)).apiToken).toBe(
      account.apiToken,
    );
    const other = await createAccount(without);
    await without.stop();
    const again = await startGateway({ dataDir });
    expect((await signIn(again, other.email, other.password)).apiToken).toBe(other.apiToken);
  },
);

test("nothing of a build is left beside the programs", () => {
  const left = readdirSync(at("bin")).filter((file) => /\.map$|^\.(build|release)-/.test(file));
  expect(left).toEqual([]);
});
