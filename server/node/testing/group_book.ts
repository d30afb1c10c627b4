/** Groups in a test's hands: `group:lab` stands for the group "lab", and `user:ann@x` for the account "ann". */

import type { Audience, Memberships } from "../audience.ts";
import type { Node } from "../node.ts";

export class GroupBook implements Memberships {
  /** By account; others have 1. */
  readonly weights = new Map<string, number>();
  readonly #groupsByAccount = new Map<string, readonly string[]>();

  put(accountId: string, ...groups: string[]): void {
    this.#groupsByAccount.set(accountId, groups);
  }

  weightOf(accountId: string): number {
    return this.weights.get(accountId) ?? 1;
  }

  groupsOf(accountId: string): readonly string[] {
    return this.#groupsByAccount.get(accountId) ?? [];
  }
}

export function testAudienceOf({ offer: { shareWith = "everyone" } }: Node): Audience {
  const accounts = new Map<string, string>();
  const groups = new Map<string, string>();
  for (const name of typeof shareWith === "string" ? [] : shareWith) {
    if (name.startsWith("group:")) groups.set(name.slice("group:".length), name);
    else accounts.set(name.slice("user:".length, name.indexOf("@")), name);
  }
  return { isForEveryone: shareWith === "everyone", accounts, groups };
}
