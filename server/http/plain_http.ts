/** What is answered without encryption beside HTTPS: challenges of certificate authorities, and the way to HTTPS. */

import { ColinkError } from "../base/error.ts";
import type { AppContext } from "./env.ts";
import type { AppParts } from "./parts.ts";

/** The certificates, as far as plain HTTP shows them. */
export interface ChallengeSource {
  challengeAnswer(token: string): Promise<string | null>;
  readonly trouble: string | null;
}

const TOKEN = /^[A-Za-z0-9_-]{1,200}$/;

/** `GET /.well-known/acme-challenge/:token` */
export function acmeChallenge(certificates: ChallengeSource) {
  return async (c: AppContext): Promise<Response> => {
    const token = c.req.path.split("/").at(-1) ?? "";
    const answer = TOKEN.test(token) ? await certificates.challengeAnswer(token) : null;
    if (answer === null) throw new ColinkError("not_found", "Cannot answer: no such challenge");
    return c.body(answer, 200, { "content-type": "application/octet-stream" });
  };
}

/**
 * Redirects pages to HTTPS. A key has then crossed the network in the clear: such a request is refused,
 * so that its program is fixed. `httpsPort`: null until HTTPS is served.
 */
export function toHttps(
  { config: { publicUrl } }: AppParts,
  certificates: ChallengeSource,
  httpsPort: () => number | null,
) {
  return (c: AppContext): Response => {
    const port = httpsPort();
    if (port === null) return c.text(`${waiting(certificates)}\n`, 503, { "retry-after": "10" });
    const { method, raw } = c.req;
    const asked = new URL(raw.url);
    const own = `https://${asked.hostname}${port === 443 ? "" : `:${port}`}`;
    const origin = publicUrl === null ? own : new URL(publicUrl).origin;
    if ((method === "GET" || method === "HEAD") && !carriesKey(raw.headers)) {
      return c.redirect(origin + asked.pathname + asked.search, 308);
    }
    const address = origin.replace(/^https/, isDial(raw.headers) ? "wss" : "https");
    throw new ColinkError(
      "upgrade_required",
      `Cannot ${method} without encryption: use ${address}${asked.pathname}`,
    );
  };
}

function waiting({ trouble }: ChallengeSource): string {
  return trouble === null
    ? "This gateway is fetching its certificate."
    : "This gateway has no certificate yet, and goes on trying: its log says why.";
}

function carriesKey(headers: Headers): boolean {
  return ["authorization", "x-api-key", "client-token"].some((name) => headers.has(name));
}

function isDial(headers: Headers): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}
