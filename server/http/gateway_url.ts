/** How the caller of a request reaches this gateway: its address, and whether by HTTPS. */

import type { Config } from "../base/config.ts";
import { ColinkError } from "../base/error.ts";
import type { Origin } from "./address.ts";
import type { AppContext } from "./env.ts";

/** What of the gateway decides how it is reached. */
export interface Gateway {
  config: Pick<Config, "publicUrl" | "basePath">;
  origin: (c: AppContext) => Origin;
}

/** Nothing that has a meaning in a shell, in HTML or in a query. */
const PLAIN_URL =
  /^https?:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(\/[A-Za-z0-9._~-]+)*$/;

/**
 * The configured public URL, or what the request itself says, without a slash at its end. Throws
 * invalid_request for a Host header that is no plain host: the address is written into scripts.
 */
export function gatewayUrl(c: AppContext, { config, origin }: Gateway): string {
  // Null for a Host header that no URL can have.
  const host = URL.parse(c.req.url)?.host ?? "";
  const asked = `${origin(c).isSecure ? "https" : "http"}://${host}${config.basePath}`;
  const url = (config.publicUrl ?? asked).replace(/\/+$/, "");
  if (PLAIN_URL.test(url)) return url;
  throw new ColinkError(
    "invalid_request",
    "Cannot name this gateway's address: it has unusual characters; set COLINK_PUBLIC_URL to a plain one",
    { problem: { code: "wrong_format" } },
  );
}

/** Also behind a proxy that does not say so, where the public URL does. */
export function isReachedByHttps(c: AppContext, { config, origin }: Gateway): boolean {
  return origin(c).isSecure || config.publicUrl?.startsWith("https:") === true;
}
