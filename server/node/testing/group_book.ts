/** Groups in a test's hands: `group:lab` stands for the group "lab", and `user:ann@x` for the account "ann". */

import type { Audience, Memberships, Part } from "../audience.ts";
import type { Node } from "../node.ts";

export class GroupBook implements Memberships {
  /** By account or group; others have 1. */
  readonly weights = new Map<string, number>();
  readonly #groupsByAccount = new Map<string, readonly string[]>();

  put(accountId: string, ...groups: string[]): void {
    this.#groupsByAccount.set(accountId, groups);
  }

  partOf(accountId: string): Part {
    const [id] = this.groupsOf(accountId);
    return {
      weight: this.weights.get(accountId) ?? 1,
      group: id === undefined ? null : { id, weight: this.weights.get(id) ?? 1 },
    };
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
