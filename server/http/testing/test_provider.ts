/** A sign-in provider of a test's own: the real oidc-provider on a socket, whose people need no password, and a browser. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import OidcProvider from "oidc-provider";
import type { Fetch } from "../../account/oidc/bounded_fetch.ts";
import type { TestApp } from "./test_app.ts";

export interface Person {
  sub: string;
  email?: string | undefined;
  email_verified?: unknown;
  groups?: unknown;
}

export const CLIENT = { id: "co-link", secret: "a secret of the client" };

export class TestProvider {
  issuer = "";
  /** The people of the provider; one that is removed here is removed there. */
  readonly people = new Map<string, Person>();
  /** The person who signs in next. */
  signsIn = "";
  /** Changes an answer to the gateway before it arrives. */
  tamper: ((url: string, answer: Response) => Response | Promise<Response>) | null = null;
  /** Takes what the provider sends to a gateway that has no socket. */
  gateway: ((url: string, init: RequestInit) => Promise<Response>) | null = null;
  /** Sees what the gateway asks for tokens with. */
  onTokenRequest: ((body: URLSearchParams) => void) | null = null;
  /** Whether each refresh token is good for one use. */
  rotates = false;
  /** Refuses connections. */
  isDown = false;
  /** The URLs that the gateway has asked for. */
  readonly asked: string[] = [];
  /** The keys that the provider signs with, the present one first. */
  keys: JWK[] = [];
  #server: Server | null = null;

  /** `redirectUris`: to which it sends browsers back; `host`: a name of this machine. */
  static async start(
    redirectUris = ["http://localhost/api/auth/oidc/callback"],
    host = "127.0.0.1",
  ): Promise<TestProvider> {
    const test = new TestProvider();
    await test.rotateKeys();
    let handle: ReturnType<OidcProvider["callback"]> = () => {};
    const server = createServer((request, response) => handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    test.#server = server;
    test.issuer = `http://${host}:${(server.address() as AddressInfo).port}`;
    handle = test.#create(redirectUris);
    return test;
  }

  #create(redirectUris: string[]) {
    const { people } = this;
    const provider = new OidcProvider(this.issuer, {
      clients: [{
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        id_token_signed_response_alg: "ES256",
        redirect_uris: redirectUris,
        post_logout_redirect_uris: redirectUris.map((uri) =>
          uri.replace("/api/auth/oidc/callback", "/login")
        ),
        grant_types: ["authorization_code", "refresh_token"],
        backchannel_logout_uri: redirectUris[0]!.replace("callback", "backchannel-logout"),
        backchannel_logout_session_required: true,
      }],
      jwks: { keys: this.keys },
      cookies: { keys: ["a key"] },
      claims: {
        openid: ["sub"],
        email: ["email", "email_verified"],
        profile: ["groups"],
      },
      features: {
        devInteractions: { enabled: false },
        backchannelLogout: { enabled: true },
        rpInitiatedLogout: { enabled: true },
      },
      fetch: async (url: string, init: RequestInit) =>
        await this.gateway?.(url, init) ?? await fetch(url, init),
      findAccount: (_: unknown, sub: string) => {
        const person = people.get(sub);
        return person && { accountId: sub, claims: () => person };
      },
      issueRefreshToken: () => true,
      rotateRefreshToken: () => this.rotates,
      interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      loadExistingGrant: async (ctx: {
        oidc: {
          client: { clientId: string };
          session: { accountId: string };
          requestParamScopes: Set<string>;
        };
      }) => {
        const { client, session, requestParamScopes } = ctx.oidc;
        const { clientId } = client;
        const grant = new provider.Grant({ clientId, accountId: session.accountId });
        grant.addOIDCScope([...requestParamScopes].join(" "));
        await grant.save();
        return grant;
      },
      ttl: { Session: 36_000, Grant: 86_400, Interaction: 600, AccessToken: 600, IdToken: 600 },
    });
    const callback = provider.callback();
    return (...[request, response]: Parameters<typeof callback>) => {
      if (!request.url?.startsWith("/interaction/")) return callback(request, response);
      const result = { login: { accountId: this.signsIn } };
      void provider.interactionFinished(request, response, result);
    };
  }

  /** For TestApp: asks the provider, as far as the test lets it through. */
  readonly fetch: Fetch = async (url, init) => {
    this.asked.push(url);
    if (url.endsWith("/token")) this.onTokenRequest?.(new URLSearchParams(String(init.body)));
    if (this.isDown) throw new TypeError("connection refused");
    const answer = await fetch(url, init);
    return await this.tamper?.(url, answer) ?? answer;
  };

  /** Changes what an ID token says, signed as the provider signs it. */
  changeIdToken(change: (claims: JWTPayload) => JWTPayload | Promise<string>): void {
    this.tamper = async (url, answer) => {
      if (!url.endsWith("/token")) return answer;
      const body = await answer.json() as { id_token: string };
      const [, payload = ""] = body.id_token.split(".");
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as JWTPayload;
      const changed = change(claims);
      const id_token = changed instanceof Promise ? await changed : await this.sign(changed);
      return Response.json({ ...body, id_token });
    };
  }

  /** A token signed by the provider. */
  async sign(claims: JWTPayload): Promise<string> {
    const key = this.keys[0]!;
    return await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: key.kid ?? "" })
      .sign(await importJWK(key));
  }

  /** The provider itself goes on with the keys that it began with: the test answers for the others. */
  async rotateKeys(): Promise<void> {
    const pair = await generateKeyPair("ES256", { extractable: true });
    const key = { ...await exportJWK(pair.privateKey), kid: crypto.randomUUID(), use: "sig" };
    this.keys = [{ ...key, alg: "ES256" }, ...this.keys];
  }

  get publicKeys(): JWK[] {
    return this.keys.map(({ d: _, ...key }) => key);
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

/** What a browser does with redirects and cookies, at the gateway and at the provider. */
export class TestBrowser {
  /** By host and name, as far as the test needs them. */
  readonly cookies = new Map<string, Map<string, string>>();

  /** `at`: the gateway that it reaches. */
  constructor(public at: Pick<TestApp, "send">) {}

  /** Follows redirects from the gateway to the provider and back; resolves with the URL that the provider sends it to. */
  async toCallback(query = ""): Promise<string> {
    const start = await this.send(`http://localhost/api/auth/oidc/start${query}`);
    let url = start.headers.get("location");
    if (url === null) throw new Error(`no redirect but ${start.status} ${await start.text()}`);
    while (!url.startsWith("http://localhost/")) {
      const response = await this.send(url);
      const next = response.headers.get("location");
      if (next === null) throw new Error(`no redirect but ${await response.text()}`);
      url = new URL(next, url).href;
    }
    return url;
  }

  /** Signs in, and resolves with the gateway's answer to the way back. */
  async signIn(query = ""): Promise<Response> {
    return await this.send(await this.toCallback(query));
  }

  async send(url: string, init: RequestInit = {}): Promise<Response> {
    const { host, pathname, search } = new URL(url);
    const jar = this.cookies.get(host) ?? new Map<string, string>();
    this.cookies.set(host, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...init.headers as Record<string, string>, ...(cookie && { cookie }) };
    const response = host === "localhost"
      ? await this.at.send(`${init.method ?? "GET"} ${pathname}${search}`, { headers })
      : await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }

  /** Signs out at the provider's page, as its form does. */
  async signOutAt(url: string): Promise<void> {
    const page = await (await this.send(url)).text();
    const [, xsrf = ""] = /name="xsrf" value="([\w-]+)"/.exec(page) ?? [];
    await this.send(new URL("/session/end/confirm", url).href, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: `xsrf=${xsrf}&logout=yes`,
    });
  }

  /** The JWT of the session at the gateway. */
  get session(): string | undefined {
    return this.cookies.get("localhost")?.get("colink_session");
  }
}
