/** A sign-in provider that sends all it can, or nothing: its people wait or are refused, and no one else notices. */

import { expect, test } from "bun:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createAccount } from "../harness/account.ts";
import { joinBystander, LONGEST_BLOCK_MS, whileWatched } from "../harness/bystander.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { startGateway } from "../harness/gateway.ts";

const KIB = 1024;

/** What the token endpoint answers, by the code that it is asked with. */
const answers: Record<string, (idToken: (more: object) => Promise<string>) => Promise<Response>> = {
  deep: () =>
    Promise.resolve(json(`{"id_token":${"[".repeat(120 * KIB)}${"]".repeat(120 * KIB)}}`)),
  wide: () => Promise.resolve(json(`[${"{},".repeat(80 * KIB)}{}]`)),
  long: () => Promise.resolve(json(JSON.stringify({ access_token: "x".repeat(250 * KIB) }))),
  endless: () =>
    Promise.resolve(
      new Response(new ReadableStream({ pull: (sink) => sink.enqueue(new Uint8Array(64 * KIB)) })),
    ),
  silent: () => new Promise(() => {}),
  groups: async (idToken) => {
    const groups = Array.from({ length: 10_000 }, (_, i) => `group-${i}`);
    return json(JSON.stringify({
      access_token: "x",
      token_type: "Bearer",
      id_token: await idToken({ groups }),
    }));
  },
};

function json(text: string): Response {
  return new Response(text, { headers: { "content-type": "application/json" } });
}

/** The nonces of the attempts that have begun, by state. */
async function startProvider() {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const keys = [{ ...await exportJWK(publicKey), kid: "k", alg: "ES256" }];
  const nonces = new Map<string, string>();
  const server: Bun.Server<undefined> = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 30,
    routes: {
      "/.well-known/openid-configuration": () =>
        Response.json({
          issuer,
          authorization_endpoint: `${issuer}/auth`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          id_token_signing_alg_values_supported: ["ES256"],
        }),
      "/jwks": () => Response.json({ keys }),
      "/token": async (request) => {
        const [kind = "", state = ""] = new URLSearchParams(await request.text())
          .get("code")!.split(" ");
        const idToken = (more: object) =>
          new SignJWT({
            email: `${state}@example.org`,
            email_verified: true,
            ...more,
            nonce: nonces.get(state)!,
          })
            .setProtectedHeader({ alg: "ES256", kid: "k" }).setIssuer(issuer).setAudience("co-link")
            .setSubject(state).setIssuedAt().setExpirationTime("5 min").sign(privateKey);
        return await answers[kind]!(idToken);
      },
    },
  });
  const issuer = `http://127.0.0.1:${server.port}`;
  endAfterTests(() => server.stop(true));
  return { issuer, nonces };
}

test(
  "people of a hostile provider are refused or wait, and calls, probes and passwords go on",
  async () => {
    const { issuer, nonces } = await startProvider();
    const gateway = await startGateway({
      env: {
        COLINK_OIDC_ISSUER: issuer,
        COLINK_OIDC_CLIENT_ID: "co-link",
        COLINK_OIDC_GROUPS_CLAIM: "groups",
        COLINK_SIGN_INS_PER_MINUTE: "1000",
      },
    });
    const bystander = await createAccount(gateway);
    await joinBystander(gateway, bystander);
    const outcomes = new Map<string, Set<string>>();

    async function signIn(kind: string): Promise<void> {
      const start = await fetch(`${gateway.url}/api/auth/oidc/start`, { redirect: "manual" });
      const { searchParams } = new URL(start.headers.get("location")!);
      const state = searchParams.get("state")!;
      nonces.set(state, searchParams.get("nonce")!);
      const [cookie = ""] = start.headers.getSetCookie()[0]!.split(";");
      const query = new URLSearchParams({ code: `${kind} ${state}`, state });
      const answer = await fetch(`${gateway.url}/api/auth/oidc/callback?${query}`, {
        redirect: "manual",
        headers: { cookie },
      });
      const [, outcome = "signed in"] = /error=(\w+)/.exec(answer.headers.get("location") ?? "") ??
        [];
      outcomes.set(kind, (outcomes.get(kind) ?? new Set()).add(outcome));
    }

    const seen = await whileWatched(gateway, bystander, async () => {
      // More that are never answered than may be under way at a time.
      const waiting = Array.from({ length: 40 }, () => signIn("silent"));
      await Promise.all(waiting);
      for (const kind of ["deep", "wide", "long", "endless", "groups"]) {
        await Promise.all(Array.from({ length: 5 }, () => signIn(kind)));
      }
    });
    expect(Object.fromEntries([...outcomes].map(([kind, set]) => [kind, [...set]]))).toEqual({
      silent: ["provider_unavailable"],
      deep: ["provider_unavailable"],
      wide: ["sign_in_refused"],
      long: ["sign_in_refused"],
      endless: ["provider_unavailable"],
      groups: ["signed in"],
    });
    expect(seen.failures).toEqual([]);
    expect(seen.longestBlockMs).toBeLessThanOrEqual(LONGEST_BLOCK_MS);
    expect(seen.grownMiB).toBeLessThan(256);
  },
  180_000,
);
