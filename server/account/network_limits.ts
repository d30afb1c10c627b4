/** How many sign-ins, new accounts and ways to join one network may try. */

import { type Budget, Budgets } from "../base/budgets.ts";
import { type Config, settingNames } from "../base/config.ts";
import { ColinkError } from "../base/error.ts";
import { networkOf } from "./network.ts";

/** Counts tries by network, or by account, for a while. */
interface TryCounter {
  /** Counts one more. Resolves with their number, and with the milliseconds until the count starts over. */
  add(who: string): Promise<{ failures: number; resetMs: number }>;
}

export interface NetworkLimitsOptions {
  /** Its counts last a minute. */
  signIns: TryCounter;
  /** Its counts last an hour. */
  newAccounts: TryCounter;
  /** Its counts last an hour. */
  joins: TryCounter;
  config: Pick<Config, "signInsPerMinute" | "accountsPerHour" | "joinsPerHour">;
  budgets?: Budgets;
}

export class NetworkLimits {
  readonly #options: NetworkLimitsOptions;
  readonly #signIns: Budget;
  readonly #newAccounts: Budget;
  readonly #joins: Budget;

  constructor(options: NetworkLimitsOptions) {
    this.#options = options;
    const { config, budgets = new Budgets() } = options;
    this.#signIns = budgets.add("sign_ins_per_network", { limit: config.signInsPerMinute });
    this.#newAccounts = budgets.add("new_accounts_per_network", { limit: config.accountsPerHour });
    this.#joins = budgets.add("joins_per_network", { limit: config.joinsPerHour });
  }

  /** Counts a sign-in of the address. Throws `login_throttled`. */
  async signIn(address: string): Promise<void> {
    const { signIns, config: { signInsPerMinute: limit } } = this.#options;
    const { failures: tries, resetMs } = await signIns.add(networkOf(address));
    if (tries <= limit) return;
    this.#signIns.refused();
    const why = `your network has tried ${limit} times within a minute`;
    throw throttled("sign in", `${why} (${settingNames.signInsPerMinute})`, resetMs);
  }

  /** Counts a new account of the address. Throws `login_throttled`. */
  async newAccount(address: string): Promise<void> {
    const { newAccounts, config: { accountsPerHour: limit } } = this.#options;
    const { failures: tries, resetMs } = await newAccounts.add(networkOf(address));
    if (tries <= limit) return;
    this.#newAccounts.refused();
    const why = `your network has tried to make ${limit} accounts within an hour`;
    throw throttled("register", `${why} (${settingNames.accountsPerHour})`, resetMs);
  }

  /**
   * Counts a request to join, or a wrong code, of the address, and of the account where one is given.
   * Throws `login_throttled`.
   */
  async join(address: string, accountId?: string): Promise<void> {
    const { joins, config: { joinsPerHour: limit } } = this.#options;
    const whose = accountId === undefined
      ? { who: networkOf(address), name: "network" }
      : { who: `account:${accountId}`, name: "account" };
    const { failures: tries, resetMs } = await joins.add(whose.who);
    if (tries <= limit) return;
    this.#joins.refused();
    const why = `your ${whose.name} has tried ${limit} times within an hour`;
    throw throttled("join", `${why} (${settingNames.joinsPerHour})`, resetMs);
  }
}

function throttled(what: string, why: string, resetMs: number): ColinkError {
  const seconds = Math.max(1, Math.ceil(resetMs / 1000));
  const wait = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
  return new ColinkError("login_throttled", `Cannot ${what}: ${why}; try again in ${wait}`, {
    retryAfterMs: Math.max(resetMs, 1000),
  });
}
