/**
 * Certificates by ACME (RFC 8555, HTTP-01). Gateways on one database have one account and one
 * certificate: one of them orders it, and each answers the authority's challenges for all.
 */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { Seal } from "../base/seal.ts";
import type { Store } from "../store/store.ts";
import { type Certificates, type KeyPair, type Validity, validityOf } from "./certificates.ts";

/** A certificate is renewed when this share of its life is left. */
const RENEW_AT_SHARE = 1 / 3;

/** Another gateway's renewal is in use after this long. */
const CHECK_EVERY_MS = 60 * 60_000;
const MIN_CHECK_MS = 1_000;

/** While another gateway orders. */
const WAIT_FOR_OTHER_MS = 3_000;

/** After a failure, doubled by each further one. Let's Encrypt takes five failed orders an hour. */
const RETRY_MS = 2 * 60_000;
const MAX_RETRY_MS = 6 * 60 * 60_000;

/** A challenge is answered this long at most. */
const CHALLENGE_MS = 10 * 60_000;

/** The lock of a gateway that orders; renewed until it is done, so that one that died blocks nobody for long. */
const LOCK_MS = 60_000;
const RENEW_LOCK_EVERY_MS = 20_000;

/** How often the authority is asked whether it is done. */
const POLL_MS = 1_000;
const MAX_POLL_MS = 10_000;

/** Challenges of other gateways are read this often at most, for all requests together. */
const READ_CHALLENGES_EVERY_MS = 1_000;

const CHALLENGES = "acme challenge ";

const FOR_EVER = Number.MAX_SAFE_INTEGER;

/** At the certificate authority. */
interface Account {
  key: string;
  url: string;
}

export interface AcmeOptions {
  domains: readonly string[];
  directoryUrl: string;
  /** Empty: the authority gets none. */
  email: string;
  /** The gateway's secret. */
  secret: string;
  store: Pick<Store, "sharedItems">;
  clock: Clock;
  log: Log;
}

export class AcmeCertificates implements Certificates {
  readonly #options: AcmeOptions;
  readonly #seal: Seal;
  readonly #id = crypto.randomUUID();
  readonly #first = Promise.withResolvers<KeyPair>();
  #current: { pair: KeyPair; validity: Validity } | null = null;
  #onChange: (pair: KeyPair) => void = () => {};
  #failures = 0;
  #isWaiting = false;
  #trouble: string | null = null;
  /** Answers by token, of the order that this gateway makes. */
  readonly #ownChallenges = new Map<string, string>();
  #challengesReadMs = -Infinity;
  #nextChallenges: Promise<Map<string, string>> | null = null;
  #cancelCheck = () => {};
  #checking: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: AcmeOptions) {
    this.#options = options;
    this.#seal = new Seal(options.secret, "certificates v1");
  }

  get trouble(): string | null {
    return this.#trouble;
  }

  get validUntilMs(): number | null {
    return this.#current?.validity.untilMs ?? null;
  }

  start(onChange: (pair: KeyPair) => void): Promise<KeyPair> {
    this.#onChange = onChange;
    this.#checkAfter(0);
    return this.#first.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelCheck();
    // An order can take minutes, and its lock expires by itself.
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(MIN_CHECK_MS, resolve);
    await Promise.race([this.#checking, promise]);
    cancel();
  }

  async challengeAnswer(token: string): Promise<string | null> {
    const own = this.#ownChallenges.get(token);
    if (own !== undefined) return own;
    // All who ask before the next reading begins share it, so that asking costs the database nothing more.
    this.#nextChallenges ??= this.#readChallenges();
    return (await this.#nextChallenges).get(CHALLENGES + token) ?? null;
  }

  async #readChallenges(): Promise<Map<string, string>> {
    const { clock, store } = this.#options;
    const dueMs = this.#challengesReadMs + READ_CHALLENGES_EVERY_MS - clock.monotonic();
    if (dueMs > 0) await new Promise<void>((resolve) => clock.after(dueMs, resolve));
    this.#challengesReadMs = clock.monotonic();
    this.#nextChallenges = null;
    return await store.sharedItems.startingWith(CHALLENGES, clock.now());
  }

  #checkAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelCheck = this.#options.clock.after(delayMs, () => {
      this.#checking = this.#check();
    });
  }

  async #check(): Promise<void> {
    let nextMs: number;
    try {
      nextMs = await this.#refresh();
      this.#failures = 0;
      this.#trouble = null;
    } catch (error) {
      nextMs = Math.min(RETRY_MS * 2 ** this.#failures++, MAX_RETRY_MS);
      this.#report(error, nextMs);
    }
    this.#checkAfter(nextMs);
  }

  #report(error: unknown, retryMs: number): void {
    const { domains, log } = this.#options;
    this.#trouble = error instanceof Error ? error.message : String(error);
    log.error(
      { cause: this.#trouble, domains, retry_seconds: retryMs / 1000 },
      "cannot get a certificate; each domain must lead here, and port 80 must be open to the internet",
    );
  }

  /** Takes the stored certificate, or orders one where it is due. Resolves with the time until the next check. */
  async #refresh(): Promise<number> {
    await this.#takeStored();
    if (this.#dueInMs > 0) return this.#untilNextCheckMs;
    const { store, clock } = this.#options;
    const lock = { name: this.#named("lock"), value: this.#id };
    if (!await store.sharedItems.claim(this.#expiring(lock), clock.now())) {
      this.#noteWaiting();
      return WAIT_FOR_OTHER_MS;
    }
    this.#isWaiting = false;
    const stopRenewing = this.#renewing(lock);
    try {
      // Another gateway may have been done just before.
      await this.#takeStored();
      if (this.#dueInMs <= 0) await this.#order();
    } catch (error) {
      // An account that the authority has forgotten is created again.
      if (/account/i.test(String(error))) await this.#keep("account", null, clock.now());
      throw error;
    } finally {
      stopRenewing();
      await store.sharedItems.release(lock);
    }
    return this.#untilNextCheckMs;
  }

  #expiring<T>(lock: T): T & { expiresAt: number } {
    return { ...lock, expiresAt: this.#options.clock.now() + LOCK_MS };
  }

  /** Keeps the lock until the function that it returns is called. A renewal that fails is made up for by the next. */
  #renewing(lock: { name: string; value: string }): () => void {
    const { store, clock } = this.#options;
    const renewLater = () =>
      clock.after(RENEW_LOCK_EVERY_MS, () => {
        cancel = renewLater();
        store.sharedItems.renew(this.#expiring(lock)).catch(() => {});
      });
    let cancel = renewLater();
    return () => cancel();
  }

  /** Once: a gateway without a certificate must not be silent while it waits. */
  #noteWaiting(): void {
    if (this.#isWaiting || this.#current !== null) return;
    this.#isWaiting = true;
    const { domains, log } = this.#options;
    log.info(
      { domains, at_most_seconds: LOCK_MS / 1000 },
      "another gateway orders the certificate, or was stopped while it did; this one waits for it",
    );
  }

  get #dueInMs(): number {
    if (this.#current === null) return 0;
    const { fromMs, untilMs } = this.#current.validity;
    return untilMs - (untilMs - fromMs) * RENEW_AT_SHARE - this.#options.clock.now();
  }

  get #untilNextCheckMs(): number {
    return Math.max(MIN_CHECK_MS, Math.min(this.#dueInMs, CHECK_EVERY_MS));
  }

  async #takeStored(): Promise<void> {
    const pair = await this.#stored<KeyPair>("certificate");
    if (pair !== null && pair.cert !== this.#current?.pair.cert) this.#take(pair);
  }

  #take(pair: KeyPair): void {
    const isFirst = this.#current === null;
    this.#current = { pair, validity: validityOf(pair) };
    if (isFirst) this.#first.resolve(pair);
    else this.#onChange(pair);
  }

  async #order(): Promise<void> {
    const { domains, email, directoryUrl, clock, store, log } = this.#options;
    // An authority that cannot be reached takes its time to fail: the log must not be silent until then.
    log.info(
      { domains, authority: directoryUrl },
      this.#current === null
        ? "orders a certificate; HTTPS begins once it has come"
        : "orders the next certificate",
    );
    // Loaded on demand: most gateways order once in two months, or never.
    const { Client, crypto: acme } = await import("acme-client");
    const known = await this.#stored<Account>("account");
    const accountKey = known?.key ?? String(await acme.createPrivateEcdsaKey());
    const client = new Client({
      directoryUrl,
      accountKey,
      ...(known && { accountUrl: known.url }),
      backoffMin: POLL_MS,
      backoffMax: MAX_POLL_MS,
    });
    const [key, csr] = await acme.createCsr(
      { commonName: domains[0]!, altNames: [...domains] },
      await acme.createPrivateEcdsaKey(),
    );
    const cert = await client.auto({
      csr,
      ...(email && { email }),
      termsOfServiceAgreed: true,
      // The authority will see whether it can reach us; this machine often cannot reach its own public address.
      skipChallengeVerification: true,
      challengePriority: ["http-01"],
      challengeCreateFn: async (_order, { token }, answer) => {
        this.#ownChallenges.set(token, answer);
        const expiresAt = clock.now() + CHALLENGE_MS;
        await store.sharedItems.put({ name: CHALLENGES + token, value: answer, expiresAt });
      },
      challengeRemoveFn: async (_order, { token }, value) => {
        this.#ownChallenges.delete(token);
        await store.sharedItems.release({ name: CHALLENGES + token, value });
      },
    });
    // Only now, because an account that the authority does not know would fail each further order.
    const account: Account = { key: accountKey, url: client.getAccountUrl() };
    await this.#keep("account", account, FOR_EVER);
    const pair = { cert, key: String(key) };
    await this.#keep("certificate", pair, validityOf(pair).untilMs);
    await store.sharedItems.removeExpired(clock.now());
    this.#take(pair);
    const until = new Date(validityOf(pair).untilMs).toISOString();
    log.info({ domains, until }, "has a new certificate");
  }

  async #keep(what: string, value: unknown, expiresAt: number): Promise<void> {
    const sealed = this.#seal.seal(JSON.stringify(value));
    await this.#options.store.sharedItems.put({
      name: this.#named(what),
      value: sealed,
      expiresAt,
    });
  }

  /** Null: there is none, or it was sealed under another secret. */
  async #stored<T>(what: string): Promise<T | null> {
    const { store, clock } = this.#options;
    const sealed = await store.sharedItems.find(this.#named(what), clock.now());
    if (sealed === null) return null;
    try {
      return JSON.parse(this.#seal.open(sealed)) as T;
    } catch {
      return null;
    }
  }

  /** An account is an authority's; a certificate, and the lock on its order, are for these domains too. */
  #named(what: string): string {
    const { directoryUrl, domains } = this.#options;
    return ["acme", what, directoryUrl, ...(what === "account" ? [] : domains)].join(" ");
  }
}
