import { expect, test } from "bun:test";
import { AuditFeed, type AuditLogEntry } from "./audit_feed.ts";

/** Looks once before and once after the entries were written. */
async function changesOf(...entries: Omit<AuditLogEntry, "id">[]) {
  let latest: AuditLogEntry[] = [{ id: "old", actorId: "me", action: "key.created" }];
  const feed = new AuditFeed(() => Promise.resolve(latest));
  const { own, admins } = await feed.look();
  expect([own.size, admins.size]).toEqual([0, 0]);
  latest = [...entries.map((entry, at) => ({ id: `new ${at}`, ...entry })), ...latest];
  const found = await feed.look();
  expect((await feed.look()).admins.size).toBe(0);
  return { own: Object.fromEntries(found.own), admins: found.admins };
}

const cases: [action: string, own: string[], admins: string[]][] = [
  ["account.registered", [], ["audit", "users", "invites"]],
  ["session.started", ["sessions"], ["audit"]],
  ["password.changed", ["sessions"], ["audit"]],
  ["key.rotated", ["keys"], ["audit", "users"]],
  ["node.paused", [], ["audit", "nodes"]],
  ["join.completed", ["keys"], ["audit", "users"]],
  ["user.disabled", [], ["audit", "users"]],
  ["invite.revoked", [], ["audit", "invites"]],
  ["group.changed", [], ["audit", "groups", "users"]],
  ["settings.changed", [], ["audit", "settings"]],
  ["unknown.action", [], ["audit"]],
];
for (const [action, own, admins] of cases) {
  test(`${action} changes ${own.join() || "nothing"} for its account, for administrators ${admins.join()}`, async () => {
    const found = await changesOf({ actorId: "me", action });
    expect(found.own).toEqual(own.length === 0 ? {} : { me: new Set(own) } as never);
    expect(found.admins).toEqual(new Set(admins) as never);
  });
}

test("what one account does is collected, and actions without one are for administrators only", async () => {
  const found = await changesOf(
    { actorId: "me", action: "key.created" },
    { actorId: "me", action: "session.ended" },
    { actorId: null, action: "session.refused" },
  );
  expect(found.own).toEqual({ me: new Set(["keys", "sessions"]) });
  expect([...found.admins]).toEqual(["audit", "users"]);
});

test("after `forget`, the next look finds nothing", async () => {
  let latest: AuditLogEntry[] = [];
  const feed = new AuditFeed(() => Promise.resolve(latest));
  await feed.look();
  feed.forget();
  latest = [{ id: "new", actorId: null, action: "settings.changed" }];
  expect((await feed.look()).admins.size).toBe(0);
});
