/**
 * Joining: a machine gets a node key of its own, with a one-time code that an account made, or after a
 * signed-in user has approved its request (RFC 8628). Codes are stored as digests; a token is made
 * when it is handed out, and stored nowhere.
 */

import type { DeviceAuthorization, JoinCode, JoinedView, JoinRequestView } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { newId } from "../base/new_id.ts";
import type { JoinRow } from "../store/joins.ts";
import type { Store } from "../store/store.ts";
import type { Keys } from "./keys.ts";
import type { NetworkLimits } from "./network_limits.ts";
import { randomChars, type TokenVault } from "./tokens.ts";

interface Verdict {
  allowed: boolean;
}

export interface JoiningOptions {
  store: Pick<Store, "joins" | "accountById">;
  vault: Pick<TokenVault, "digest">;
  keys: Pick<Keys, "fresh">;
  networks: Pick<NetworkLimits, "join">;
  /** Counts a machine's requests for its token. */
  limiter: { take(what: string, perMinute: number): Verdict | Promise<Verdict> };
  clock: Clock;
}

/** How long a code, or a request for approval, is valid. */
export const JOIN_CODE_MS = 15 * 60_000;

/** Seconds between two requests for a token. */
const POLL_INTERVAL_S = 2;
/** Twice what the interval allows: networks delay. */
const POLLS_PER_MINUTE = 2 * 60 / POLL_INTERVAL_S;

/** Without characters that people confuse. */
const ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const GROUP_CHARS = 4;
/** Pasted, and enough by itself: 59 bits. */
const JOIN_CODE_CHARS = 12;
/** Typed by a signed-in user, whose wrong codes are counted: 39 bits. */
const USER_CODE_CHARS = 8;

export class Joining {
  constructor(private readonly options: JoiningOptions) {}

  /** A code that lets one machine join the account. */
  async createCode(accountId: string): Promise<JoinCode> {
    const code = readableCode(JOIN_CODE_CHARS);
    const { expiresAt } = await this.#add({ code, accountId, state: "approved" });
    return { code, expires_at: expiresAt };
  }

  /** A machine asks to join. Throws `login_throttled` or `too_many`. `consoleUrl`: the console's, without a path. */
  async request(
    { machine, address, consoleUrl }: { machine: string; address: string; consoleUrl: string },
  ): Promise<DeviceAuthorization> {
    await this.options.networks.join(address);
    const deviceCode = randomChars(43);
    const userCode = readableCode(USER_CODE_CHARS);
    await this.#add({ code: userCode, deviceCode, machine, address, state: "open" });
    return {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: `${consoleUrl}/join`,
      verification_uri_complete: `${consoleUrl}/join?code=${userCode}`,
      expires_in: JOIN_CODE_MS / 1000,
      interval: POLL_INTERVAL_S,
    };
  }

  /** A machine's request, for the user who read its code there. Throws `join_refused` or `login_throttled`. */
  async find(
    userCode: string,
    who: { accountId: string; address: string },
  ): Promise<JoinRequestView> {
    const row = await this.options.store.joins.byCode(this.#codeDigest(userCode));
    const isRequest = row !== null && row.deviceDigest !== null;
    // What another account has decided is no other account's business.
    const isOthers = row !== null && row.accountId !== null && row.accountId !== who.accountId;
    if (!isRequest || isOthers || this.#isOver(row)) throw await this.#wrongCode(who);
    return viewOf(row);
  }

  /** Approves or denies a machine's request. Throws `join_refused` or `login_throttled`. */
  async decide(
    userCode: string,
    { accountId, address, isApproved }: {
      accountId: string;
      address: string;
      isApproved: boolean;
    },
  ): Promise<JoinRequestView> {
    const digest = this.#codeDigest(userCode);
    const row = await this.options.store.joins.decide(digest, { accountId, isApproved });
    if (row === null) throw await this.#wrongCode({ accountId, address });
    return viewOf(row);
  }

  /** The token of a machine that has a code. Throws `join_refused`, `login_throttled` or `too_many`. */
  async claim(
    { code, machine, address }: { code: string; machine: string; address: string },
  ): Promise<JoinedView & { accountId: string }> {
    const row = await this.options.store.joins.byCode(this.#codeDigest(code));
    const isCode = row !== null && row.deviceDigest === null;
    const joined = isCode ? await this.#use({ ...row, machine }) : null;
    if (joined === null) throw await this.#wrongCode({ address });
    return joined;
  }

  /**
   * The token of a machine whose request was approved. Throws `authorization_pending`, `slow_down`,
   * `access_denied`, `expired_token`, `login_throttled` or `too_many`.
   */
  async poll(
    deviceCode: string,
    address: string,
  ): Promise<JoinedView & { accountId: string }> {
    const { store, limiter, networks } = this.options;
    const digest = this.#digest("device", deviceCode);
    const { allowed } = await limiter.take(`join-poll:${digest}`, POLLS_PER_MINUTE);
    if (!allowed) throw refusals.slow_down();
    const row = await store.joins.byDevice(digest);
    if (row === null) await networks.join(address);
    if (row === null || this.#isOver(row)) throw refusals.expired_token();
    if (row.state === "open") throw refusals.authorization_pending();
    if (row.state === "denied") throw refusals.access_denied();
    const joined = await this.#use(row);
    if (joined === null) throw refusals.expired_token();
    return joined;
  }

  async #use({ id, machine }: JoinRow): Promise<JoinedView & { accountId: string } | null> {
    const { store, keys } = this.options;
    let token = "";
    const key = await store.joins.use(id, (accountId) => {
      const fresh = keys.fresh(accountId, "node", { name: machine });
      token = fresh.token;
      return fresh.key;
    });
    if (key === null) return null;
    const account = await store.accountById(key.accountId);
    return {
      access_token: token,
      token_type: "client",
      key_id: key.id,
      name: machine,
      account: account?.email ?? "",
      accountId: key.accountId,
    };
  }

  async #add(
    { code, deviceCode = null, accountId = null, state, machine = "", address = "" }: {
      code: string;
      deviceCode?: string | null;
      accountId?: string | null;
      state: JoinRow["state"];
      machine?: string;
      address?: string;
    },
  ): Promise<JoinRow> {
    const { store, clock } = this.options;
    const createdAt = clock.now();
    const row: JoinRow = {
      id: newId("join_"),
      codeDigest: this.#codeDigest(code),
      deviceDigest: deviceCode === null ? null : this.#digest("device", deviceCode),
      accountId,
      state,
      machine,
      address,
      createdAt,
      expiresAt: createdAt + JOIN_CODE_MS,
    };
    await store.joins.add(row);
    return row;
  }

  /** Counts the wrong code, and returns the error for it. Throws `login_throttled`. */
  async #wrongCode(
    { address, accountId }: { address: string; accountId?: string },
  ): Promise<ColinkError> {
    await this.options.networks.join(address);
    if (accountId !== undefined) await this.options.networks.join(address, accountId);
    return new ColinkError(
      "join_refused",
      "Cannot join: the code is wrong, was used or is older than 15 minutes; make a new one",
      { param: "code" },
    );
  }

  #isOver({ expiresAt }: JoinRow): boolean {
    return expiresAt <= this.options.clock.now();
  }

  #codeDigest(code: string): string {
    return this.#digest("code", code.toUpperCase().replaceAll(/[^0-9A-Z]/g, ""));
  }

  /** Keyed: a stolen database must not reveal short codes. */
  #digest(kind: "code" | "device", text: string): string {
    return this.options.vault.digest(`join ${kind} ${text}`);
  }
}

function viewOf({ machine, address, createdAt, expiresAt, state }: JoinRow): JoinRequestView {
  return { machine, address, created_at: createdAt, expires_at: expiresAt, state };
}

/** `7KQ4-M2XP`: each character equally likely. */
function readableCode(chars: number): string {
  let text = "";
  while (text.length < chars) {
    for (const byte of crypto.getRandomValues(new Uint8Array(chars))) {
      // 248 is the largest multiple of 31 in a byte: higher values would favour the first characters.
      if (byte < 248 && text.length < chars) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text.match(new RegExp(`.{${GROUP_CHARS}}`, "g"))!.join("-");
}

const refusals = {
  authorization_pending: () =>
    new ColinkError(
      "authorization_pending",
      "Cannot join yet: the request waits for its approval in the console",
      { retryAfterMs: POLL_INTERVAL_S * 1000 },
    ),
  slow_down: () =>
    new ColinkError("slow_down", "Cannot join yet: ask less often", { retryAfterMs: 5000 }),
  access_denied: () =>
    new ColinkError("access_denied", "Cannot join: the request was denied in the console"),
  expired_token: () =>
    new ColinkError(
      "expired_token",
      "Cannot join: the request was not approved within 15 minutes, or is used; join again",
    ),
};
