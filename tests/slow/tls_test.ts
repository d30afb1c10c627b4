/** HTTPS by the gateway itself: the operator's own certificate, or one by ACME; HTTP leads to it. */

import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { freePort } from "../../scripts/free_port.ts";
import { Program } from "../../scripts/program.ts";
import { createAccount } from "../harness/account.ts";
import { type Authority, createAuthority } from "../harness/certificate.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import { createDatabase } from "../harness/database.ts";
import {
  gatewayCommand,
  gatewayEnvironment,
  runGateway,
  startGateway,
} from "../harness/gateway.ts";
import { noPebble, type Pebble, startPebble } from "../harness/pebble.ts";
import { until } from "../harness/wait.ts";

const domain = "gateway.example.test";

interface Target {
  port: number;
  servername: string;
  /** PEM. */
  ca: string;
}

/** A connection that trusts this authority alone; rejects where the certificate is not valid. */
function connection({ port, servername, ca }: Target): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, servername, ca };
    const socket = connect(options, () => resolve(socket)).on("error", reject);
  });
}

/** The serial number of the certificate that is presented now. */
async function serialAt(target: Target): Promise<string> {
  const socket = await connection(target);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** The whole answer to a GET over TLS. */
async function getAt(target: Target, path: string): Promise<string> {
  const socket = await connection(target);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (bytes) => text += bytes).on("end", () => resolve(text));
  return await promise;
}

describe("with a certificate of the operator's", () => {
  let authority: Authority;
  beforeAll(async () => {
    authority = await createAuthority();
  });

  test("pages, calls and nodes use HTTPS, plain HTTP leads there, and a renewed file is used without a cut link", async () => {
    const [dataDir, httpPort] = [temporaryFolder(), freePort()];
    const plain = await startGateway({ dataDir });
    const account = await createAccount(plain);
    await plain.stop();

    const files = await authority.issue("127.0.0.1");
    const gateway = await startGateway({
      dataDir,
      env: {
        COLINK_TLS_CERT: files.certFile,
        COLINK_TLS_KEY: files.keyFile,
        COLINK_HTTP_PORT: String(httpPort),
      },
    });
    expect(gateway.url).toStartWith("https://127.0.0.1:");
    const ca = readFileSync(authority.certFile, "utf8");
    const tls = { ca };
    const page = await fetch(gateway.url, { tls });
    expect(page.status).toBe(200);
    expect(page.headers.get("strict-transport-security")).toMatch(/^max-age=\d{8}$/);
    const cookie = await fetch(`${gateway.url}/api/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: account.email, password: account.password }),
      tls,
    });
    expect(cookie.headers.get("set-cookie")).toContain("Secure");

    const http = `http://127.0.0.1:${httpPort}`;
    const led = await fetch(`${http}/keys?a=b`, { redirect: "manual" });
    expect([led.status, led.headers.get("location")]).toEqual([308, `${gateway.url}/keys?a=b`]);
    const authorization = `Bearer ${account.apiToken}`;
    const leaked = await fetch(`${http}/v1/models`, { headers: { authorization } });
    expect([leaked.status, await leaked.text()])
      .toEqual([426, expect.stringContaining(`use ${gateway.url}/v1/models`)]);

    const options = { headers: { "client-token": account.clientToken }, tls };
    const node = new WebSocket(gateway.wsUrl, options as unknown as string[]);
    const closed: number[] = [];
    node.onclose = ({ code }) => closed.push(code);
    await new Promise((resolve) => node.onopen = resolve);
    node.send(JSON.stringify({
      type: "REGISTER",
      data: { max_parallel: 1, models: ["m"], client_token: account.clientToken },
    }));
    const listsModel = async () =>
      (await (await fetch(`${gateway.url}/v1/models`, { headers: { authorization }, tls })).text())
        .includes('"m"');
    await until("the node's model is offered", listsModel);

    const target = { port: Number(new URL(gateway.url).port), servername: "", ca };
    const before = await serialAt(target);
    const renewed = await authority.issue("127.0.0.1");
    copyFileSync(renewed.certFile, files.certFile);
    copyFileSync(renewed.keyFile, files.keyFile);
    await until("the new certificate is presented", async () => await serialAt(target) !== before);
    expect(closed).toEqual([]);
    expect(await listsModel()).toBe(true);
    expect(await gateway.stop()).toBe(0);
    await until("the node knows of the end", () => closed.length > 0);
    expect(closed).toEqual([1012]);
  });

  test("what cannot be used is named by its setting, and no key is repeated", async () => {
    const [one, other] = [await authority.issue("a.example"), await authority.issue("b.example")];
    const start = async (env: Record<string, string>) => {
      const { code, output } = await runGateway([], { env });
      expect(code).toBe(2);
      expect(output).not.toContain("BEGIN");
      return output;
    };
    expect(await start({ COLINK_TLS_CERT: one.certFile })).toContain(
      "COLINK_TLS_KEY: required with COLINK_TLS_CERT",
    );
    expect(await start({ COLINK_TLS_CERT: one.certFile, COLINK_TLS_KEY: other.keyFile }))
      .toContain("the private key is another certificate's");
    expect(await start({ COLINK_TLS_CERT: one.certFile, COLINK_TLS_KEY: "/no/such/file" }))
      .toContain('COLINK_TLS_KEY="/no/such/file": cannot be read (no such file or folder, ENOENT)');
    expect(await start({ COLINK_TLS_CERT: one.keyFile, COLINK_TLS_KEY: one.keyFile }))
      .toContain("there is no certificate in PEM");
    expect(await start({ COLINK_DOMAIN: "https://co-link.example.com" }))
      .toContain("expected names such as co-link.example.com");
  });
});

describe(noPebble === null ? "by ACME" : `by ACME (left out: ${noPebble})`, () => {
  const run = test.skipIf(noPebble !== null);

  async function startFor(pebble: Pebble, env: Record<string, string> = {}) {
    const gateway = await startGateway({ env: { ...pebble.env, COLINK_DOMAIN: domain, ...env } });
    const port = Number(new URL(gateway.url).port);
    return { gateway, target: { port, servername: domain, ca: await pebble.root() } };
  }

  run(
    "a name is enough: the certificate is fetched, kept sealed, and used again after a restart",
    async () => {
      const pebble = await startPebble();
      const { gateway, target } = await startFor(pebble);
      expect(await getAt(target, "/livez")).toStartWith("HTTP/1.1 200");
      const serial = await serialAt(target);
      const { dataDir } = gateway;
      await gateway.stop();
      const stored = readFileSync(`${dataDir}/colink.db`, "latin1");
      expect(stored).toContain("acme certificate");
      expect(stored).not.toContain("PRIVATE KEY");
      const again = await startGateway({ dataDir, env: { ...pebble.env, COLINK_DOMAIN: domain } });
      const port = Number(new URL(again.url).port);
      expect(await serialAt({ ...target, port })).toBe(serial);
      expect(pebble.log.filter((line) => line.includes("Issued certificate"))).toHaveLength(1);
    },
  );

  run("it is renewed while the gateway runs", async () => {
    const pebble = await startPebble({ validitySeconds: 4 });
    const { target } = await startFor(pebble);
    // It is valid for so short a time that a busy machine may see it expired.
    const first = await until("a certificate is presented", () => serialAt(target));
    await until("it is renewed", async () => await serialAt(target) !== first);
    // The account of the first order makes the second one.
    expect(pebble.log.filter((line) => line.includes("accounts in memory"))).toHaveLength(1);
  });

  run("several gateways answer each other's challenges, and share one certificate", async () => {
    const [pebble, port] = [await startPebble(), freePort()];
    const dataDir = temporaryFolder();
    const env = {
      ...gatewayEnvironment(dataDir),
      ...pebble.env,
      PORT: String(port),
      DATABASE_URL: await createDatabase(),
      REDIS_URL: process.env.TEST_REDIS_URL!,
      JWT_SECRET: crypto.randomUUID() + crypto.randomUUID(),
    };
    const words = [...gatewayCommand(), "--workers", "2", "--domain", domain];
    const workers = new Program("workers", words, { cwd: dataDir, env });
    endAfterTests(async () => void await workers.stop());
    const listening = () => workers.lines.filter((line) => line.includes('"listening"')).length;
    await until("both listen", () => listening() === 2);
    const target = { port, servername: domain, ca: await pebble.root() };
    const serials = await Promise.all(Array.from({ length: 12 }, () => serialAt(target)));
    expect(new Set(serials).size).toBe(1);
    await until("they reach each other", async () => {
      return (await getAt(target, "/readyz")).includes('"cluster":"ok"');
    });
    expect(pebble.log.filter((line) => line.includes("Issued certificate"))).toHaveLength(1);
  });

  run("an authority that refuses is named in the log, and visitors are told to wait", async () => {
    const pebble = await startPebble();
    const port = freePort();
    // The authority looks for challenges elsewhere.
    const env = { ...pebble.env, COLINK_DOMAIN: domain, COLINK_HTTP_PORT: String(port) };
    const dataDir = temporaryFolder();
    const program = new Program("gateway", gatewayCommand(), {
      cwd: dataDir,
      env: { ...gatewayEnvironment(dataDir), ...env },
    });
    endAfterTests(() => program.kill());
    await program.line(
      (line) => line.includes("HTTPS begins once it has come") ? line : undefined,
      180_000,
    );
    const line = await program.line(
      (line) => line.includes("cannot get a certificate") ? line : undefined,
      180_000,
    );
    expect(line).toContain("port 80 must be open");
    expect(line).toContain("connection refused");
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect([page.status, await page.text()])
      .toEqual([503, expect.stringContaining("no certificate yet")]);
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    expect(await program.stop()).not.toBe(0);
  });
});
