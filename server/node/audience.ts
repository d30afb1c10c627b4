/** For whom a node is, and which nodes an account's call may use. */

import type { Route } from "../../api/mod.ts";
import { OWNER_AUDIENCE, type ShareWith } from "../../protocol/mod.ts";

/**
 * Which nodes a call may use: those of its own account; also those that name its account or one of
 * its groups; also those for everyone. Of a node that ran a call: how near it is to the call's account.
 */
export type { Route };

export const routes: readonly Route[] = ["own", "group", "any"];

const DISTANCE: Readonly<Record<Route, number>> = { own: 0, group: 1, any: 2 };

/** The narrower of two routes. */
export function narrower(a: Route, b: Route): Route {
  return DISTANCE[a] <= DISTANCE[b] ? a : b;
}

/** A node's `share_with`, with the accounts and groups that its names stand for. The node's owner is in no list. */
export interface Audience {
  readonly isForEveryone: boolean;
  /** By id, each with the owner's name for it. Names that stand for nothing are left out. */
  readonly accounts: ReadonlyMap<string, string>;
  readonly groups: ReadonlyMap<string, string>;
}

const NONE: ReadonlyMap<string, string> = new Map();

export const FOR_EVERYONE: Audience = { isForEveryone: true, accounts: NONE, groups: NONE };
const FOR_OWNER: Audience = { isForEveryone: false, accounts: NONE, groups: NONE };

/** Without the accounts and groups that names stand for. */
export function unresolved(shareWith: ShareWith = "everyone"): Audience {
  return shareWith === "everyone" ? FOR_EVERYONE : FOR_OWNER;
}

/** An account, with the nodes that it wants to use. */
export interface Viewer {
  readonly accountId: string;
  /** Ids of its groups. */
  readonly groups: readonly string[];
  readonly route: Route;
}

/** No account's: it may use the nodes for everyone. */
export const STRANGER: Viewer = { accountId: "", groups: [], route: "any" };

/** An account's part of what is scarce, for one of most accounts' parts. */
export interface Part {
  readonly weight: number;
  /** The group that it has its weight from, or would have; null: it is in none. */
  readonly group: { readonly id: string; readonly weight: number } | null;
}

/** Of an account without a group. */
export const ALONE: Part = { weight: 1, group: null };

/** Which groups accounts belong to. */
export interface Memberships {
  /** The ids of the account's groups, a few seconds old at most. Called for every choice of a node. */
  groupsOf(accountId: string): readonly string[];
  /** The account's part of what is scarce. Absent: as of an account without a group. */
  partOf?(accountId: string): Part;
  /** Whether the account sees the nodes that the other owns, because a group of both is set so. Absent: never. */
  seesNodesOf?(accountId: string, ownerId: string): boolean;
}

const NO_GROUPS: readonly string[] = [];

export const noMemberships: Memberships = { groupsOf: () => NO_GROUPS };

/** The call's account as it is now: it may have joined a group, or left one, while the call waited. */
export function viewerOf(
  { accountId = "", route = "any" }: { accountId?: string; route?: Route },
  memberships: Memberships,
): Viewer {
  return { accountId, groups: memberships.groupsOf(accountId), route };
}

/** A node, as far as its use depends on the caller. */
export interface Shared {
  readonly who: { readonly accountId: string };
  readonly audience: Audience;
}

/** How near the node is to the account; null: it may not use the node. */
export function nearness(
  { who, audience: { isForEveryone, accounts, groups } }: Shared,
  viewer: Pick<Viewer, "accountId" | "groups">,
): Route | null {
  if (who.accountId === viewer.accountId) return "own";
  if (isForEveryone) return "any";
  const isNamed = accounts.has(viewer.accountId) || viewer.groups.some((id) => groups.has(id));
  return isNamed ? "group" : null;
}

/** How near the node is to an account that may use it. */
export function routeTo({ who, audience }: Shared, accountId: string): Route {
  if (who.accountId === accountId) return "own";
  return audience.isForEveryone ? "any" : "group";
}

/** Whether the node is for the account, and as near as it wants. */
export function mayUse(node: Shared, viewer: Viewer): boolean {
  const near = nearness(node, viewer);
  return near !== null && DISTANCE[near] <= DISTANCE[viewer.route];
}

/** What CALL says of the account to a node that may run its call; undefined: the node is for everyone. */
export function audienceTag({ who, audience }: Shared, viewer: Viewer): string | undefined {
  const { isForEveryone, accounts, groups } = audience;
  if (isForEveryone) return undefined;
  if (who.accountId === viewer.accountId) return OWNER_AUDIENCE;
  const group = viewer.groups.find((id) => groups.has(id));
  return group === undefined ? accounts.get(viewer.accountId) : groups.get(group);
}

/** Whether every account that may use `node` may use `other`, too. */
export function covers(other: Shared, node: Shared): boolean {
  if (other.audience.isForEveryone) return true;
  const { who, audience: { isForEveryone, accounts, groups } } = node;
  const has = (accountId: string) =>
    other.who.accountId === accountId || other.audience.accounts.has(accountId);
  return !isForEveryone && has(who.accountId) && [...accounts.keys()].every(has) &&
    [...groups.keys()].every((id) => other.audience.groups.has(id));
}

/** Who looks at nodes: an account, or an administrator, who sees all of them. */
export interface Onlooker extends Pick<Viewer, "accountId" | "groups"> {
  readonly isAdmin: boolean;
  /** Whether all nodes of that owner show, whomever they are for. Absent: of no owner. */
  readonly seesNodesOf?: (ownerId: string) => boolean;
}

/** Whether the node shows at all; null: to a visitor without a session. */
export function maySee(node: Shared, onlooker: Onlooker | null): boolean {
  return onlooker?.isAdmin === true || nearness(node, onlooker ?? STRANGER) !== null ||
    onlooker?.seesNodesOf?.(node.who.accountId) === true;
}

export function onlookerOf(
  { accountId, role }: { accountId: string; role: string },
  memberships: Memberships,
): Onlooker {
  return {
    accountId,
    groups: memberships.groupsOf(accountId),
    isAdmin: role === "admin",
    seesNodesOf: (ownerId) => memberships.seesNodesOf?.(accountId, ownerId) === true,
  };
}
