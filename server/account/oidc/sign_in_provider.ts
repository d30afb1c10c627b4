/** The sign-in provider: an OpenID Connect server of the operator's own, asked with openid-client. */

import type * as Jose from "jose";
import type * as Client from "openid-client";
import type { Budgets } from "../../base/budgets.ts";
import type { Clock } from "../../base/clock.ts";
import type { Config } from "../../base/config.ts";
import {
  BoundedFetch,
  type Fetch,
  MAX_PROVIDER_REQUESTS,
  ProviderUnreachable,
} from "./bounded_fetch.ts";

/** With what the provider is asked again for a person. It is stored encrypted and never logged. */
export interface Grant {
  /** Shown to the provider at sign-out; empty: it is too long for an address. */
  idToken: string;
  accessToken: string;
  /** Null: the provider gave none, and can be asked only as long as the access token is valid. */
  refreshToken: string | null;
}

/** What the provider says of a person. */
export interface Vouch {
  subject: string;
  claims: Readonly<Record<string, unknown>>;
  /** The provider's name of its own session; empty: it gave none. */
  sid: string;
  grant: Grant;
}

/** What belongs to one attempt to sign in, and is known to the browser that began it alone. */
export interface AttemptSecrets {
  state: string;
  nonce: string;
  verifier: string;
}

/** The provider no longer vouches for a person. */
export class ProviderRefused extends Error {
  override readonly name = "ProviderRefused";
}

/** An answer that proves nothing: it is not the provider's, not for this gateway, or not for this attempt. */
export class InvalidProof extends Error {
  override readonly name = "InvalidProof";
}

export interface ProviderOptions {
  config: Pick<
    Config,
    "oidcIssuer" | "oidcClientId" | "oidcClientSecret" | "oidcScopes" | "oidcGroupsClaim"
  >;
  clock: Clock;
  budgets: Budgets;
  fetch?: Fetch | undefined;
}

/** How far the provider's clock may differ. */
const LEEWAY_SECONDS = 60;
/** How old an ID token may be that ends a sign-in, and a logout token. */
const FRESH_SECONDS = 5 * 60;
/** For how long a logout token can be valid, at most. */
export const LOGOUT_TOKEN_MS = (FRESH_SECONDS + 2 * LEEWAY_SECONDS) * 1000;

/** Signatures that only the provider can make: a shared secret, or none, proves nothing. */
const ALGORITHMS = [
  ..."RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" "),
];

/** The discovery document is read again after this time. */
const DISCOVERY_MS = 60 * 60_000;
/** After a failure, the provider is left alone for this long. */
const DISCOVERY_PAUSE_MS = 2_000;
/** Unknown keys make the provider's be read again, but not more often than this. */
const KEYS_PAUSE_MS = 5_000;

/** Longer addresses are refused by many servers. */
const MAX_HINT_CHARS = 6_000;

/** Codes of jose's errors that blame the provider's keys, not the token. */
const UNREADABLE_KEYS: ReadonlySet<unknown> = new Set([
  "ERR_JWKS_TIMEOUT",
  "ERR_JWKS_INVALID",
  "ERR_JOSE_GENERIC",
]);

const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";
/** Gives a refresh token only when it is asked in a way of its own. */
const GOOGLE = "https://accounts.google.com";

/** What was read of the provider. */
interface Discovered {
  client: typeof Client;
  jose: typeof Jose;
  config: Client.Configuration;
  issuer: string;
  keys: ReturnType<typeof Jose.createRemoteJWKSet>;
  scopes: string;
  hasUserInfo: boolean;
  hasSignOut: boolean;
}

/** Every method throws ProviderUnreachable while the provider does not answer as it must. */
export class SignInProvider {
  readonly #options: ProviderOptions;
  readonly #fetch: BoundedFetch;
  #known: { value: Discovered; at: number } | null = null;
  #reading: Promise<Discovered> | null = null;
  #failure: { error: ProviderUnreachable; at: number } | null = null;

  constructor(options: ProviderOptions) {
    this.#options = options;
    const used = () => this.#fetch.running;
    const size = { limit: MAX_PROVIDER_REQUESTS, used };
    const budget = options.budgets.add("provider_requests", size);
    this.#fetch = new BoundedFetch({
      fetch: options.fetch ?? ((...request) => fetch(...request)),
      budget,
    });
  }

  /** Reads the provider's discovery document. `isLasting`: it can vouch for people who have signed out there. */
  async facts(): Promise<{ issuer: string; isLasting: boolean }> {
    const { issuer, scopes } = await this.#discovered();
    return { issuer, isLasting: issuer === GOOGLE || scopes.includes("offline_access") };
  }

  /** Secrets for one attempt. */
  async newAttempt(): Promise<AttemptSecrets> {
    const { client } = await this.#discovered();
    return {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
  }

  /** Where the browser signs in. */
  async signInUrl({ state, nonce, verifier }: AttemptSecrets, redirectUri: string): Promise<URL> {
    const { client, config, scopes, issuer } = await this.#discovered();
    return client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: scopes,
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...(issuer === GOOGLE && { access_type: "offline", prompt: "consent" }),
    });
  }

  /** Ends a sign-in with what the browser brought back. Throws InvalidProof. */
  async signedIn(callback: URL, { state, nonce, verifier }: AttemptSecrets): Promise<Vouch> {
    const found = await this.#discovered();
    const { client, config } = found;
    const tokens = await this.#asked(found, () =>
      client.authorizationCodeGrant(config, callback, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      }));
    const { id_token: idToken = "", access_token: accessToken, refresh_token } = tokens;
    const claims = await this.#verified(found, idToken, { maxTokenAge: FRESH_SECONDS });
    if (claims["nonce"] !== nonce) throw new InvalidProof("an ID token with another nonce");
    const grant = { idToken: hintOf(idToken), accessToken, refreshToken: refresh_token ?? null };
    return this.#vouch(found, claims, grant, ["email", "email_verified"]);
  }

  /** Asks again for a person. Throws ProviderRefused, and InvalidProof. */
  async renewed(subject: string, grant: Grant): Promise<Vouch> {
    const found = await this.#discovered();
    const { client, config } = found;
    if (grant.refreshToken === null) {
      if (!found.hasUserInfo) throw new ProviderRefused("it gave no refresh token to ask with");
      const claims = await this.#userInfo(found, grant.accessToken, subject);
      if (claims === null) throw new ProviderRefused("it takes the access token no longer");
      return { subject, claims, sid: "", grant };
    }
    const { refreshToken } = grant;
    const tokens = await this.#asked(found, () => client.refreshTokenGrant(config, refreshToken));
    const idToken = tokens.id_token ?? null;
    const claims = idToken === null ? { sub: subject } : await this.#verified(found, idToken, {});
    if (claims.sub !== subject) throw new InvalidProof("an ID token of another person");
    return this.#vouch(found, claims, {
      idToken: idToken === null ? grant.idToken : hintOf(idToken),
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token ?? refreshToken,
    }, []);
  }

  /** Where the browser signs out at the provider too; null: the provider has no such page. */
  async signOutUrl(idToken: string, backTo: string): Promise<URL | null> {
    const { client, config, hasSignOut } = await this.#discovered();
    if (!hasSignOut) return null;
    return client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: backTo,
      ...(idToken !== "" && { id_token_hint: idToken }),
    });
  }

  /** What a logout token says: who has signed out, or of which session. Throws InvalidProof. */
  async signedOut(
    token: string,
  ): Promise<{ subject: string | null; sid: string | null; id: string }> {
    const found = await this.#discovered();
    const claims = await this.#verified(found, token, {
      maxTokenAge: FRESH_SECONDS,
      requiredClaims: ["iat", "jti", "events"],
    });
    const { events, nonce, sub, sid, jti } = claims as Record<string, unknown>;
    const event = (events as Record<string, unknown> | null)?.[LOGOUT_EVENT];
    if (typeof event !== "object" || event === null) throw new InvalidProof("no logout event");
    if (nonce !== undefined) throw new InvalidProof("a logout token with a nonce");
    const subject = textIn(sub);
    const session = textIn(sid);
    if (subject === null && session === null) throw new InvalidProof("neither sub nor sid");
    return { subject, sid: session, id: String(jti) };
  }

  /** The claims of the ID token, and those of the user info endpoint where something is missing. */
  async #vouch(
    found: Discovered,
    idClaims: Jose.JWTPayload,
    grant: Grant,
    wanted: readonly string[],
  ): Promise<Vouch> {
    const { sub: subject = "" } = idClaims;
    const { oidcGroupsClaim: groups } = this.#options.config;
    const isMissing = [...wanted, ...(groups === "" ? [] : [groups])]
      .some((name) => claimOf(idClaims, name) === undefined);
    const more = isMissing && found.hasUserInfo
      ? await this.#userInfo(found, grant.accessToken, subject)
      : null;
    const claims = { ...more, ...idClaims };
    return { subject, claims, sid: textIn(idClaims["sid"]) ?? "", grant };
  }

  /** Null: the access token is not, or no longer, good for that. */
  async #userInfo(
    found: Discovered,
    accessToken: string,
    subject: string,
  ): Promise<Record<string, unknown> | null> {
    const { client, config } = found;
    try {
      return await this.#asked(found, () => client.fetchUserInfo(config, accessToken, subject));
    } catch (error) {
      if (error instanceof ProviderRefused) return null;
      throw error;
    }
  }

  async #verified(
    { jose, keys, issuer }: Discovered,
    token: string,
    more: { maxTokenAge?: number; requiredClaims?: string[] },
  ): Promise<Jose.JWTPayload> {
    const { config: { oidcClientId: audience }, clock } = this.#options;
    try {
      const { payload } = await jose.jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        requiredClaims: ["sub", "exp", "iat"],
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(clock.now()),
        ...more,
      });
      if (payload.sub !== undefined && textIn(payload.sub) === null) {
        throw new InvalidProof("a subject that is no text of 255 characters at most");
      }
      return payload;
    } catch (error) {
      throw asProviderError(error);
    }
  }

  /** Runs a question; its failures become the three errors of this file. */
  async #asked<T>({ client }: Discovered, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof client.ResponseBodyError) {
        // Only this code is about the person: a wrong client secret must suspend no account.
        throw error.error === "invalid_grant"
          ? new ProviderRefused("invalid_grant", { cause: error })
          : new ProviderUnreachable(`it answered ${quoted(error.error)}`, { cause: error });
      }
      if (error instanceof client.WWWAuthenticateChallengeError) {
        throw error.status === 401 || error.status === 403
          ? new ProviderRefused("the access token is not accepted", { cause: error })
          : new ProviderUnreachable(`it answered with status ${error.status}`, { cause: error });
      }
      if (error instanceof client.AuthorizationResponseError) {
        throw new InvalidProof(`it answered ${quoted(error.error)}`, { cause: error });
      }
      throw asProviderError(error);
    }
  }

  async #discovered(): Promise<Discovered> {
    const now = this.#options.clock.monotonic();
    if (this.#known !== null && now - this.#known.at < DISCOVERY_MS) return this.#known.value;
    const { error, at } = this.#failure ?? { error: null, at: 0 };
    if (error !== null && now - at < DISCOVERY_PAUSE_MS) {
      if (this.#known === null) throw error;
      return this.#known.value;
    }
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    try {
      const value = await this.#reading;
      this.#known = { value, at: now };
      return value;
    } catch (error) {
      if (!(error instanceof ProviderUnreachable)) throw error;
      this.#failure = { error, at: now };
      // What was known before is good as long as nothing newer can be read.
      if (this.#known === null) throw error;
      return this.#known.value;
    }
  }

  async #read(): Promise<Discovered> {
    // Loaded on demand: most gateways have no provider.
    const [client, jose] = await Promise.all([import("openid-client"), import("jose")]);
    const { config: { oidcIssuer, oidcClientId, oidcClientSecret, oidcScopes }, clock } =
      this.#options;
    const { fetch } = this.#fetch;
    const isPlain = oidcIssuer?.startsWith("http:") === true;
    const issuerUrl = new URL(oidcIssuer ?? "");
    try {
      const found = await client.discovery(issuerUrl, oidcClientId, {}, client.None(), {
        [client.customFetch]: fetch as Client.CustomFetch,
        ...(isPlain && { execute: [client.allowInsecureRequests] }),
      });
      const metadata = found.serverMetadata();
      const config = new client.Configuration(
        metadata,
        oidcClientId,
        {
          [client.clockTolerance]: LEEWAY_SECONDS,
          [client.clockSkew]: Math.round((clock.now() - Date.now()) / 1000),
        },
        authenticationOf(client, oidcClientSecret, metadata),
      );
      config[client.customFetch] = fetch as Client.CustomFetch;
      if (isPlain) client.allowInsecureRequests(config);
      if (metadata.jwks_uri === undefined) throw new ProviderUnreachable("it names no jwks_uri");
      const hasOffline = metadata.scopes_supported?.includes("offline_access") === true;
      return {
        client,
        jose,
        config,
        issuer: metadata.issuer,
        keys: jose.createRemoteJWKSet(new URL(metadata.jwks_uri), {
          cooldownDuration: KEYS_PAUSE_MS,
          timeoutDuration: 60_000,
          [jose.customFetch]: (url, init) => fetch(url, init as RequestInit),
        }),
        scopes: oidcScopes || `openid email profile${hasOffline ? " offline_access" : ""}`,
        hasUserInfo: metadata.userinfo_endpoint !== undefined,
        hasSignOut: metadata.end_session_endpoint !== undefined,
      };
    } catch (error) {
      const cause = asProviderError(error);
      if (cause instanceof ProviderUnreachable) throw cause;
      throw new ProviderUnreachable("its discovery document is not valid", { cause });
    }
  }
}

/** A claim by its name, or by its path such as `realm_access.roles`. */
export function claimOf(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function authenticationOf(
  client: typeof Client,
  secret: string,
  { token_endpoint_auth_methods_supported: methods }: Client.ServerMetadata,
): Client.ClientAuth {
  if (secret === "") return client.None();
  const hasBasic = methods === undefined || methods.includes("client_secret_basic");
  return hasBasic ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret);
}

/** ProviderUnreachable where the provider, rather than the token, is the matter. */
function asProviderError(error: unknown): Error {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ProviderUnreachable || cause instanceof ProviderRefused) return cause;
    if (cause instanceof InvalidProof) return cause;
    if (UNREADABLE_KEYS.has((cause as Partial<Jose.errors.JOSEError>).code)) {
      return new ProviderUnreachable("its keys cannot be read", { cause });
    }
  }
  return new InvalidProof(error instanceof Error ? error.message : String(error), { cause: error });
}

function hintOf(idToken: string): string {
  return idToken.length <= MAX_HINT_CHARS ? idToken : "";
}

/** Foreign text in a message of ours. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

/** An identifier of the provider's. What no database takes as it is could be taken for another's. */
function textIn(value: unknown): string | null {
  return typeof value === "string" && /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(value) ? value : null;
}
