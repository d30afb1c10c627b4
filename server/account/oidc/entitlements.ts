/** What a person's groups at the sign-in provider give: groups here, and the role of an administrator. */

import { type Clock, MINUTE_MS } from "../../base/clock.ts";
import type { Config } from "../../base/config.ts";
import { ColinkError } from "../../base/error.ts";
import { KEPT_ADMINISTRATOR } from "../../base/kept_administrator.ts";
import type { Log } from "../../base/log.ts";
import type { GivenByProvider } from "../../store/schema.ts";
import type { Store } from "../../store/store.ts";
import type { AuditLog } from "../audit_log.ts";
import type { Groups } from "../groups.ts";
import { claimOf } from "./sign_in_provider.ts";

export interface EntitlementsOptions {
  config: Pick<Config, "oidcGroupsClaim" | "oidcGroups" | "oidcAdmins">;
  store: Pick<Store, "users" | "accountById" | "sharedItems">;
  groups: Pick<Groups, "idOf" | "groupsOf" | "change">;
  keyring: { accountChanged(accountId: string): void };
  sessions: { endOthers(accountId: string, exceptId: string | null): Promise<number> };
  audit: Pick<AuditLog, "write">;
  clock: Clock;
  log: Log;
}

/** How long it is shown that the last administrator was kept: until well after the next check. */
const SHOW_KEPT_MS = 10 * MINUTE_MS;

export const NOTHING_GIVEN: GivenByProvider = { groups: [], isAdmin: false };

/**
 * The provider takes away only what it gave: memberships and roles that administrators decided stay,
 * and so does the role of the last administrator.
 */
export class Entitlements {
  constructor(private readonly options: EntitlementsOptions) {}

  /** Brings the account's groups and role to what the claims say. Resolves with what it now has through the provider. */
  async apply(
    accountId: string,
    before: GivenByProvider,
    claims: Readonly<Record<string, unknown>>,
  ): Promise<GivenByProvider> {
    if (this.options.config.oidcGroupsClaim === "") return before;
    const names = this.#namesIn(accountId, claims);
    return {
      groups: await this.#applyGroups(accountId, before.groups, names),
      isAdmin: await this.#applyRole(accountId, before.isAdmin, names),
    };
  }

  /** A single name counts as a list of one; anything else than names gives nothing. */
  #namesIn(accountId: string, claims: Readonly<Record<string, unknown>>): ReadonlySet<string> {
    const { config: { oidcGroupsClaim }, log } = this.options;
    const value = claimOf(claims, oidcGroupsClaim) ?? [];
    if (typeof value === "string") return new Set([value]);
    if (Array.isArray(value)) return new Set(value.filter((name) => typeof name === "string"));
    log.warn(
      { account: accountId, claim: oidcGroupsClaim },
      "the sign-in provider's claim of groups is no list: it gives no group",
    );
    return new Set();
  }

  async #applyGroups(
    accountId: string,
    before: readonly string[],
    names: ReadonlySet<string>,
  ): Promise<string[]> {
    const { groups, log } = this.options;
    const wanted = this.#groupIds(names);
    const present = groups.groupsOf(accountId);
    const added = [...wanted].filter((id) => !present.includes(id));
    const removed = before.filter((id) => !wanted.has(id) && present.includes(id));
    const given = new Set([...wanted].filter((id) => before.includes(id)));
    for (const [ids, way] of [[added, "add"], [removed, "remove"]] as const) {
      for (const id of ids) {
        try {
          await groups.change(id, { [way]: [accountId] });
          if (way === "add") given.add(id);
        } catch (error) {
          if (!(error instanceof ColinkError) || error.code === "store_unavailable") throw error;
          // The group is full, or was deleted just now: the person signs in all the same.
          log.warn({ account: accountId, cause: error.message }, "could not apply a group");
        }
      }
    }
    return [...given];
  }

  #groupIds(names: ReadonlySet<string>): ReadonlySet<string> {
    const { config: { oidcGroups }, groups } = this.options;
    const ours = oidcGroups.length === 0
      ? [...names]
      : oidcGroups.flatMap(([theirs, own]) => names.has(theirs) ? [own] : []);
    return new Set(ours.flatMap((name) => groups.idOf(name) ?? []));
  }

  async #applyRole(
    accountId: string,
    wasGiven: boolean,
    names: ReadonlySet<string>,
  ): Promise<boolean> {
    const { config: { oidcAdmins }, store } = this.options;
    const isAdmin = oidcAdmins.some((name) => names.has(name));
    if (!isAdmin && !wasGiven) return false;
    const account = await store.accountById(accountId);
    const role = isAdmin ? "admin" : "user";
    if (account === null) return false;
    // An administrator by another's decision stays one when the provider's group is left.
    if (account.role === role) return isAdmin && wasGiven;
    try {
      await this.#setRole(accountId, account.email, role);
    } catch (error) {
      if (!(error instanceof ColinkError) || error.code !== "invalid_request") throw error;
      await this.#showKept(accountId, account.email);
      // Still the provider's: it is taken away once there is another administrator.
      return true;
    }
    return isAdmin;
  }

  async #showKept(accountId: string, email: string): Promise<void> {
    const { store, clock, log } = this.options;
    const now = clock.now();
    const item = { name: KEPT_ADMINISTRATOR, value: email, expiresAt: now + SHOW_KEPT_MS };
    if (await store.sharedItems.find(KEPT_ADMINISTRATOR, now) === null) {
      log.warn(
        { account: accountId },
        "the sign-in provider no longer makes this account an administrator, but it is the last one: it remains one until there is another",
      );
    }
    await store.sharedItems.put(item);
  }

  async #setRole(accountId: string, email: string, role: "user" | "admin"): Promise<void> {
    const { store, sessions, keyring, audit } = this.options;
    await store.users.change(accountId, { role }, { keepsAdministrator: true });
    keyring.accountChanged(accountId);
    // The role is read with every request; ending the sessions makes the console show the change at once.
    if (role === "user") await sessions.endOthers(accountId, null);
    const actor = { accountId: null, email: null, address: null };
    await audit.write(actor, {
      action: "user.changed",
      target: email,
      detail: { role, by: "sign-in provider" },
    });
  }
}
