/** How many bytes of request bodies the gateway holds, for each account and altogether. */

import type { Budgets } from "../base/budgets.ts";
import { ByteBudget, type FullBudget } from "../base/byte_budget.ts";
import { type Config, settingNames } from "../base/config.ts";
import { ColinkError } from "../base/error.ts";
import { ReceivedBody } from "../node/body.ts";

export type BodyBudgetConfig = Pick<Config, "bodyBytes" | "bodyBytesPerAccount">;

/** A place becomes free when any call ends, which is not known beforehand. */
const RETRY_MS = 5_000;

const MIB = 1024 * 1024;

export class BodyBudget {
  readonly #held: ByteBudget;

  constructor(private readonly config: BodyBudgetConfig, budgets: Budgets) {
    const limits = { perAccount: config.bodyBytesPerAccount, total: config.bodyBytes };
    this.#held = new ByteBudget("body_bytes", limits, budgets);
  }

  /** Begins a body of the account, of no bytes yet. */
  hold(accountId: string): HeldBody {
    return new HeldBody(this, accountId);
  }

  /** Holds so many bytes more for the account, or fewer. Throws `account_bodies_full` or `gateway_bodies_full`. */
  add(accountId: string, bytes: number): void {
    const full = this.#held.add(accountId, bytes);
    if (full !== null) throw this.#refusal(full);
  }

  #refusal(full: FullBudget): ColinkError {
    const { bodyBytes, bodyBytesPerAccount } = this.config;
    if (full === "account") {
      return new ColinkError(
        "account_bodies_full",
        `Cannot take the call: this account's running and waiting calls hold all of the ` +
          `${Math.floor(bodyBytesPerAccount / MIB)} MiB of request bodies that one account may ` +
          `(${settingNames.bodyBytesPerAccount}); try again when some have ended`,
        { retryAfterMs: RETRY_MS },
      );
    }
    return new ColinkError(
      "gateway_bodies_full",
      `Cannot take the call: the gateway's calls hold all of the ` +
        `${Math.floor(bodyBytes / MIB)} MiB of request bodies that it keeps ` +
        `(${settingNames.bodyBytes}); try again soon`,
      { retryAfterMs: RETRY_MS },
    );
  }
}

/** What one request's body holds of the budgets, from its first byte on. */
export class HeldBody {
  #bytes = 0;
  #isReleased = false;
  #body: ReceivedBody | null = null;

  constructor(
    private readonly budget: Pick<BodyBudget, "add">,
    private readonly accountId: string,
  ) {}

  /** Holds so many bytes instead of those until now. Throws `account_bodies_full` or `gateway_bodies_full`, and then holds what it did. */
  resize(bytes: number): void {
    if (this.#isReleased) return;
    this.budget.add(this.accountId, bytes - this.#bytes);
    this.#bytes = bytes;
  }

  /** The body as its call keeps it, until the release. */
  keep(bytes: Uint8Array): ReceivedBody {
    return this.#body = new ReceivedBody(bytes);
  }

  /** Gives the body up: it is not needed again. Copies on their way to a node stay counted. Harmless twice. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#body === null || this.#body.giveUp()) this.#free();
    else this.#body.onFreed = () => this.#free();
    this.#body = null;
  }

  #free(): void {
    this.budget.add(this.accountId, -this.#bytes);
  }
}
