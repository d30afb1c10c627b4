/** How the driver connects to PostgreSQL. */

import postgres from "postgres";
import type { DatabaseAddress } from "../base/database_url.ts";
import type { Client } from "./postgres_driver.ts";

/** A client of the driver's, without limits on time unless it gets some. `session`: settings of its sessions. */
export function openClient(
  address: DatabaseAddress,
  limits: { max: number; prepare: boolean; connect_timeout?: number; idle_timeout?: number },
  session: Record<string, number> = {},
): Client {
  const { hosts, ports, socketPath, user, password, database, targetSession } = address;
  return postgres({
    // Lists, which the driver takes and its types lack.
    ...(hosts && { host: hosts as unknown as string }),
    ...(ports && { port: ports as unknown as number }),
    ...(socketPath && { path: socketPath }),
    ...(user && { user }),
    ...(password && { password }),
    ...(database && { database }),
    ...(targetSession && { target_session_attrs: targetSession as "read-write" }),
    ...tlsOptions(address),
    ...limits,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "co-link", ...session, ...address.session },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
}

function tlsOptions({ tls }: DatabaseAddress): { ssl?: object | "prefer" } {
  // "no TLS" is not passed to the driver, because PGSSL could not override it then.
  if (tls === false) return {};
  if (tls === "prefer") return { ssl: tls };
  const { checksName, ...options } = tls;
  return { ssl: checksName ? options : { ...options, checkServerIdentity: () => undefined } };
}
