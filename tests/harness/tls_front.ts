/** A front that speaks TLS before a plain server, and asks for a certificate of the authority's where it shall. */

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createServer } from "node:tls";
import type { Authority } from "./certificate.ts";
import { endAfterTests } from "./cleanup.ts";

/** Resolves with its port. */
export async function startTlsFront(
  target: { url: string },
  authority: Authority,
  { name, asksForCertificate = false }: { name: string; asksForCertificate?: boolean },
): Promise<number> {
  const { certFile, keyFile } = await authority.issue(name);
  const { hostname, port } = new URL(target.url);
  const server = createServer({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ca: readFileSync(authority.certFile),
    requestCert: asksForCertificate,
    rejectUnauthorized: asksForCertificate,
  }, (near) => {
    const far = connect(Number(port), hostname);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.on("tlsClientError", () => {});
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  endAfterTests(() => void server.close());
  return (server.address() as { port: number }).port;
}
