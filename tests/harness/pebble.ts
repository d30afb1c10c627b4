/** A certificate authority that speaks ACME: pebble, with a name server that leads every name to this machine. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/free_port.ts";
import { Program } from "../../scripts/program.ts";
import { findPebble } from "../../scripts/testing/pebble.ts";
import { createAuthority } from "./certificate.ts";
import { endAfterTests, temporaryFolder } from "./cleanup.ts";

export interface Pebble {
  /** The settings of a gateway that asks it. `COLINK_HTTP_PORT` is where it looks for challenges. */
  readonly env: Record<string, string>;
  /** The CA of the certificates that it issues, PEM. */
  root(): Promise<string>;
  readonly log: readonly string[];
}

/** Why its tests are left out; null: they are not. */
export const noPebble = findPebble() === null ? "no pebble, and no Go to build it with" : null;

const READY_WITHIN_MS = 60_000;

export async function startPebble({ validitySeconds = 86_400 } = {}): Promise<Pebble> {
  const program = findPebble();
  if (program === null) throw new Error("Cannot start pebble: not found");
  const [port, management, httpPort] = [freePort(), freePort(), freePort()];
  const authority = await createAuthority();
  const { certFile, keyFile } = await authority.issue("127.0.0.1");
  const config = join(temporaryFolder(), "pebble.json");
  writeFileSync(
    config,
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: certFile,
        privateKey: keyFile,
        httpPort,
        tlsPort: freePort(),
        retryAfter: { authz: 1, order: 1 },
        profiles: { default: { description: "test", validityPeriod: validitySeconds } },
      },
    }),
  );
  const nameServer = startNameServer();
  const running = new Program(
    "pebble",
    [program, "-config", config, "-dnsserver", `127.0.0.1:${nameServer.port}`],
    { env: { PEBBLE_VA_NOSLEEP: "1", PEBBLE_AUTHZREUSE: "0", PATH: process.env.PATH } },
  );
  endAfterTests(() => running.kill());
  await running.line((line) => /Root CA certificate/.test(line) || undefined, READY_WITHIN_MS);
  return {
    env: {
      COLINK_ACME_DIRECTORY: `https://127.0.0.1:${port}/dir`,
      COLINK_HTTP_PORT: String(httpPort),
      NODE_EXTRA_CA_CERTS: authority.certFile,
    },
    root: async () => {
      const url = `https://127.0.0.1:${management}/roots/0`;
      return await (await fetch(url, { tls: { ca: Bun.file(authority.certFile) } })).text();
    },
    log: running.lines,
  };
}

/** Over TCP, as pebble asks: every name has the address 127.0.0.1, and no other record. */
function startNameServer() {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket, bytes) => void socket.write(answerTo(bytes)) },
  });
  endAfterTests(() => listener.stop(true));
  return listener;
}

const HEADER_BYTES = 12;
const ADDRESS_RECORD = 1;
/** The question's name, type A, class IN, 60 s, 127.0.0.1. */
const LOCAL_ADDRESS = Buffer.from([
  0xc0,
  HEADER_BYTES,
  0,
  1,
  0,
  1,
  0,
  0,
  0,
  60,
  0,
  4,
  127,
  0,
  0,
  1,
]);

function answerTo(bytes: Uint8Array): Uint8Array {
  const query = Buffer.from(bytes.subarray(2));
  let end = HEADER_BYTES;
  while (query[end] !== 0) end += query[end]! + 1;
  end += 5;
  const hasAddress = query.readUInt16BE(end - 4) === ADDRESS_RECORD;
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(Number(hasAddress), 6);
  head.fill(0, 8, HEADER_BYTES);
  const body = Buffer.concat(hasAddress ? [head, LOCAL_ADDRESS] : [head]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([length, body]);
}
