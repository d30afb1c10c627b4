/** Owners and administrators through the console's API, and live changes. On SQLite, and on PostgreSQL with two gateways over it. */

import { beforeAll, describe, expect, test } from "bun:test";
import type {
  AdminNodeView,
  AdminUserPage,
  AdminUserView,
  AuditPage,
  CallView,
  CreatedInvite,
  InfoView,
  InviteView,
  ModelView,
  NodeDetail,
  NodeView,
  OwnNodeView,
  RotatedKey,
  SettingsView,
} from "../../api/mod.ts";
import { type Account, createAccount, register, signIn } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import { asked, done, watch } from "../harness/console_api.ts";
import { databases } from "../harness/database.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { connectRawNode } from "../harness/raw_node.ts";
import { until } from "../harness/wait.ts";

const ROOT = { email: "root@example.com", password: "a root's own password" };

/** A change at one gateway is in force at all others within 5 s; a busy machine is given three times as long. */
const EVERYWHERE_MS = 15_000;

for (const [database, settings] of databases) {
  describe(`on ${database}`, () => {
    let gateway: Gateway;
    /** Another gateway over the same database; on SQLite the same one. */
    let elsewhere: Gateway;
    let root: Account;
    /** Made only by tests that need an account of their own: hashing passwords takes time. */
    let alice: Account;
    let bob: Account;
    let carol: Account;

    beforeAll(async () => {
      const env = await settings();
      gateway = await startGateway({ env });
      elsewhere = database === "SQLite" ? gateway : await startGateway({ env });
      const { dataDir } = gateway;
      const input = `${ROOT.password}\n`;
      await runGateway(["admin", "create", "--email", ROOT.email], { env, dataDir, input });
      [root, alice, bob, carol] = await Promise.all([
        signIn(gateway, ROOT.email, ROOT.password),
        createAccount(gateway),
        createAccount(gateway),
        createAccount(gateway),
      ]);
    }, 180_000);

    const newModel = () => `model-${crypto.randomUUID()}`;

    async function serving(owner: Account, model: string) {
      const node = await joinNode({ gateway, owner, models: [model], maxParallel: 4 });
      answerEveryCall(node);
      const id = (await node.view())!.id;
      await until("the node is written down", async () => (await own(owner, id)) !== undefined);
      return { node, id };
    }

    const own = async (owner: Account, id: string) =>
      (await done<{ nodes: OwnNodeView[] }>(gateway, owner, "GET /nodes/mine")).nodes
        .find((node) => node.id === id);

    const seen = async (viewer: Account, id: string, where = gateway) =>
      (await done<{ nodes: NodeView[] }>(where, viewer, "GET /nodes")).nodes
        .find((node) => node.id === id);

    const detail = (viewer: Account, id: string) =>
      done<NodeDetail>(gateway, viewer, `GET /nodes/${id}`);

    const kinds = async (viewer: Account, id: string) =>
      (await detail(viewer, id)).timeline.map(({ kind }) => kind);

    describe("a node", () => {
      test("is named and paused by its owner, and stays so when it connects again", async () => {
        const [me, other] = [alice, bob];
        const model = newModel();
        const { node, id } = await serving(me, model);
        const change = { label: "attic", paused: true };
        const { node: paused } = await done<{ node: OwnNodeView }>(
          gateway,
          me,
          `PATCH /nodes/${id}`,
          change,
        );
        expect(paused).toMatchObject({ name: "attic", live: { state: "paused", mine: true } });
        expect((await chat(gateway, other.apiToken, hello(model))).status).toBe(503);
        expect(await seen(other, id)).toMatchObject({ name: "attic", mine: false });
        const { models } = await done<{ models: ModelView[] }>(gateway, other, "GET /models");
        expect(models.find((view) => view.id === model)).toMatchObject({
          state: "unavailable",
          slots: 0,
          nodes: [{ id, name: "attic", state: "paused", mine: false }],
        });

        node.raw.socket.terminate();
        const away = await until("it is known to be gone", async () => {
          const one = await own(me, id);
          return one?.gone && one;
        });
        expect(away).toMatchObject({ live: null, gone: { code: "lost" }, label: "attic" });
        const { nodeId } = node;
        const register = { max_parallel: 4, models: [model], node_id: nodeId, name: nodeId };
        const back = await connectRawNode({ gateway, token: me.clientToken, register });
        await until("it is back", async () => (await seen(me, id))?.state === "paused");
        answerEveryCall({ ...node, raw: back });

        await done(gateway, me, `PATCH /nodes/${id}`, { paused: false });
        expect((await chat(gateway, other.apiToken, hello(model))).status).toBe(200);
        await until("all of it is in its timeline", async () => {
          const lines = await kinds(me, id);
          return ["renamed", "paused", "disconnected", "connected", "resumed"]
            .every((kind) => lines.includes(kind as typeof lines[number]));
        });
        const others = await kinds(other, id);
        expect(others).toContain("disconnected");
        expect(others).not.toContain("paused");
        expect((await detail(other, id)).own).toBeNull();
      }, 180_000);

      test("that is drained gets no calls until it connects again or is resumed", async () => {
        const me = alice;
        const model = newModel();
        const { id } = await serving(me, model);
        const drained = await done<{ node: OwnNodeView }>(gateway, me, `POST /nodes/${id}/drain`);
        expect(drained.node.live).toMatchObject({ state: "draining", draining: true });
        expect((await chat(gateway, me.apiToken, hello(model))).status).toBe(503);
        await done(gateway, me, `PATCH /nodes/${id}`, { paused: false });
        expect((await chat(gateway, me.apiToken, hello(model))).status).toBe(200);
      });

      test("shows why it was penalised, as a code and in words, and how its models do", async () => {
        const me = alice;
        const model = newModel();
        const node = await joinNode({ gateway, owner: me, models: [model] });
        const { id } = (await node.view())!;
        const answer = chat(gateway, me.apiToken, hello(model));
        node.fail(await node.called(), 401);
        expect((await answer).status).toBe(502);
        expect((await seen(me, id))?.penalties)
          .toMatchObject([{ model, code: "upstream_auth", until: expect.any(Number) }]);
        const shown = await until("it is in its timeline", async () => {
          const now = await detail(me, id);
          return now.speed.length > 0 && now.timeline.some(({ kind }) => kind === "penalized") &&
            now;
        });
        expect(shown.timeline[0]).toMatchObject({
          kind: "penalized",
          code: "upstream_auth",
          model,
          detail: expect.stringContaining("the node's provider"),
        });
        expect(shown.speed).toMatchObject([{ model, calls: 1, errors: 1 }]);
      });

      test(
        "gets another token, keeps its name and id, and both tokens work for a while",
        async () => {
          const me = alice;
          const model = newModel();
          const { node, id } = await serving(me, model);
          await done(gateway, me, `PATCH /nodes/${id}`, { label: "kept" });
          const { token } = await done<RotatedKey>(gateway, me, `POST /nodes/${id}/rotate-token`, {
            overlap_seconds: 3600,
          });
          expect(await seen(me, id)).toBeDefined();
          node.raw.socket.close();
          await until("it is gone", async () => await seen(me, id) === undefined);
          const { nodeId } = node;
          const register = { max_parallel: 1, models: [model], node_id: nodeId, name: nodeId };
          await connectRawNode({ gateway, token, register });
          await until("it is back", async () => (await seen(me, id))?.name === "kept");
          const { user } = await done<{ user: { client_token: string } }>(
            gateway,
            me,
            "GET /user/me",
          );
          expect(user.client_token).toBe(token);
          await until("it is in its timeline", async () => {
            return (await kinds(me, id)).includes("token_rotated");
          });
        },
        180_000,
      );

      test("of another account can be neither changed nor looked into", async () => {
        const [me, other] = [alice, bob];
        const { node, id } = await serving(me, newModel());
        const tries = [
          ["PATCH", "", { paused: true }],
          ["POST", "/drain", undefined],
          ["POST", "/rotate-token", {}],
        ] as const;
        for (const [method, path, body] of tries) {
          const answer = await asked(gateway, other, `${method} /nodes/${id}${path}`, body);
          expect(`${path} ${answer.status}`).toBe(`${path} 404`);
        }
        expect(await seen(me, id)).toMatchObject({ state: "ready" });
        expect((await detail(root, id)).own).toMatchObject({ id });
        node.raw.socket.close();
        await until("it is gone", async () => await seen(me, id) === undefined);
        expect((await asked(gateway, other, `GET /nodes/${id}`)).status).toBe(404);
        expect((await detail(me, id)).live).toBeNull();
      });
    });

    describe("an administrator", () => {
      test("finds accounts, limits, disables and enables them", async () => {
        const me = carol;
        const model = newModel();
        await serving(root, model);
        const find = async () =>
          (await done<AdminUserPage>(
            gateway,
            root,
            `GET /admin/users?search=${encodeURIComponent(me.email.toUpperCase())}`,
          )).users;
        expect(await find()).toMatchObject([{ id: me.user.id, role: "user", keys: 2, nodes: 0 }]);
        const change = (body: object) =>
          done<{ user: AdminUserView }>(gateway, root, `PATCH /admin/users/${me.user.id}`, body);
        await change({ models: ["another"], rpm: 1000 });
        const call = async (where = gateway) =>
          (await chat(where, me.apiToken, hello(model))).json.error?.code ?? null;
        expect(await call()).toBe("model_not_allowed");
        await change({ models: null });
        expect(await call()).toBeNull();
        expect((await change({ disabled: true })).user.disabled_at).toBeNumber();
        expect(await call()).toBe("key_blocked");
        await until("it is shut out elsewhere", async () => {
          return await call(elsewhere) === "key_blocked";
        }, EVERYWHERE_MS);
        expect((await asked(gateway, me, "GET /user/me")).status).toBe(401);
        await change({ disabled: false });
        await until("it is let in again", async () => await call() === null);
        const self = await asked(gateway, root, `PATCH /admin/users/${root.user.id}`, {
          role: "user",
        });
        expect(self.json.error).toMatchObject({ code: "invalid_request", param: "role" });
      }, 180_000);

      test("grants and withdraws the role, in force from the next request on", async () => {
        const me = await signIn(gateway, carol.email, carol.password);
        const mayList = async (jwt: string) =>
          (await asked(gateway, { jwt }, "GET /admin/users")).status;
        const change = (role: string) =>
          done(gateway, root, `PATCH /admin/users/${me.user.id}`, { role });
        expect(await mayList(me.jwt)).toBe(403);
        await change("admin");
        expect(await mayList(me.jwt)).toBe(200);
        await change("user");
        // The sessions that had the role have ended.
        expect(await mayList(me.jwt)).toBe(401);
        expect(await mayList((await signIn(gateway, me.email, me.password)).jwt)).toBe(403);
      });

      test("creates invites, sees who used them, and revokes them", async () => {
        const invite = async () =>
          await done<CreatedInvite>(gateway, root, "POST /admin/invites", { note: "lab", days: 1 });
        const [used, revoked] = [await invite(), await invite()];
        await done(gateway, root, "PATCH /admin/settings", { registration: "invite" });
        const email = `${crypto.randomUUID()}@example.com`;
        const join = (code: string) =>
          register(gateway, email, "correct horse battery", { invite: code });
        await done(gateway, root, `DELETE /admin/invites/${revoked.invite.id}`);
        expect((await join(revoked.code)).json.error.code).toBe("invite_required");
        expect((await join(used.code)).status).toBe(200);
        const { invites } = await done<{ invites: InviteView[] }>(
          gateway,
          root,
          "GET /admin/invites",
        );
        const listed = (id: string) => invites.find((one) => one.id === id);
        expect(listed(used.invite.id)).toMatchObject({
          state: "used",
          used_by: email,
          created_by: ROOT.email,
          note: "lab",
        });
        expect(listed(revoked.invite.id)).toMatchObject({ state: "revoked" });
        expect(JSON.stringify(invites)).not.toContain(used.code);
        await done(gateway, root, "PATCH /admin/settings", { registration: null });
      });

      test("closes and opens registration while the gateways run", async () => {
        const mode = async (where: Gateway) =>
          (await ask<InfoView>(`${where.url}/api/info`)).json.registration;
        const view = await done<SettingsView>(gateway, root, "PATCH /admin/settings", {
          registration: "closed",
        });
        expect(view.registration).toEqual({ value: "closed", fallback: "open", is_set: true });
        expect(await mode(gateway)).toBe("closed");
        const refused = await register(gateway, "late@example.com", "correct horse battery");
        expect(refused.json.error.code).toBe("registration_closed");
        await until("it is closed elsewhere", async () => {
          return await mode(elsewhere) === "closed";
        }, EVERYWHERE_MS);
        await done(gateway, root, "PATCH /admin/settings", { registration: null });
        expect(await mode(gateway)).toBe("open");
        await until("it is open elsewhere", async () => await mode(elsewhere) === "open");
      });

      test(
        "approves new nodes where that is asked for; those that served already go on",
        async () => {
          const me = alice;
          const [before, after] = [newModel(), newModel()];
          const old = await serving(me, before);
          await done(gateway, root, "PATCH /admin/settings", { node_approval: true });
          expect(await seen(me, old.id)).toMatchObject({ state: "ready" });
          const { id } = await serving(me, after);
          expect(await seen(me, id)).toMatchObject({ state: "unapproved" });
          expect((await chat(gateway, me.apiToken, hello(after))).status).toBe(503);
          expect((await chat(gateway, me.apiToken, hello(before))).status).toBe(200);
          const { nodes } = await done<{ nodes: AdminNodeView[] }>(
            gateway,
            root,
            "GET /admin/nodes",
          );
          expect(nodes[0]).toMatchObject({ id, approved_at: null, owner_email: me.email });
          await done(gateway, root, `PATCH /admin/nodes/${id}`, { approved: true });
          expect((await chat(gateway, me.apiToken, hello(after))).status).toBe(200);
          await done(gateway, root, "PATCH /admin/settings", { node_approval: null });
        },
        180_000,
      );

      test("reads who did what, when and from where", async () => {
        const me = await createAccount(gateway);
        await done(gateway, me, "POST /keys", { name: "audited" });
        await done(gateway, root, `PATCH /admin/users/${me.user.id}`, { rpm: 7 });
        await asked(gateway, null, "POST /auth/login", { email: me.email, password: "wrong one" });
        // A text that is no account's e-mail may be a password, typed into the wrong field.
        await asked(gateway, null, "POST /auth/login", { email: "secret", password: "wrong one" });
        const page = (query: string) => done<AuditPage>(gateway, root, `GET /admin/audit${query}`);
        const mine = await page(`?actor=${encodeURIComponent(me.email)}`);
        expect(mine.entries.map(({ action }) => action))
          .toEqual(["key.created", "session.started", "account.registered"]);
        expect(mine.entries[0]).toMatchObject({ target: "audited", address: "127.0.0.1" });
        const refused = await until("the refused sign-in is written down", async () => {
          return (await page("?action=session.refused")).entries[0];
        });
        expect(refused).toMatchObject({ actor: null, target: me.email, address: "127.0.0.1" });
        const changed = await page("?action=user.changed&limit=1");
        expect(changed.entries)
          .toMatchObject([{ actor: ROOT.email, target: me.email, detail: { rpm: 7 } }]);
        const made = await page("?action=account.registered");
        expect(made.entries.at(-1)).toMatchObject({
          actor: null,
          address: null,
          target: ROOT.email,
        });
      });
    });

    describe("live changes", () => {
      test(
        "begin with a snapshot and report nodes, calls and figures as they change",
        async () => {
          const [me, other] = [alice, bob];
          const mine = await watch(gateway, me);
          const others = await watch(gateway, other);
          const snapshot = await mine.next("snapshot");
          expect(snapshot.nodes).toBeArray();
          const model = newModel();
          const { node, id } = await serving(me, model);
          expect(await mine.next("node", (view) => view.id === id))
            .toMatchObject({ state: "ready", mine: true });
          expect(await others.next("node", (view) => view.id === id)).toMatchObject({
            mine: false,
          });

          expect((await chat(gateway, other.apiToken, hello(model))).status).toBe(200);
          const isOfModel = (call: CallView) => call.model === model;
          expect(await mine.next("call", isOfModel)).toMatchObject({
            side: "provided",
            key_id: null,
          });
          expect(await others.next("call", isOfModel)).toMatchObject({ side: "made", node: id });
          const added = await others.next(
            "usage",
            (list) => list.some((one) => one.model === model),
          );
          expect(added.filter((one) => one.model === model))
            .toMatchObject([{ side: "made", calls: 1, errors: 0 }]);
          expect(others.events.filter(({ name }) => name === "call")).toHaveLength(1);

          node.raw.socket.terminate();
          expect(await others.next("node_gone", (gone) => gone.id === id))
            .toMatchObject({ gone: { code: "lost" } });
          mine.leave();
          others.leave();
        },
        180_000,
      );

      test("are resumed where they broke off, or begin with a snapshot where that is not known", async () => {
        const me = alice;
        const first = await watch(gateway, me);
        await first.next("snapshot");
        first.leave();
        const { id } = await serving(me, newModel());
        const second = await watch(gateway, me, { since: first.lastId });
        await second.next("node", (view) => view.id === id);
        expect(second.events.map(({ name }) => name)).not.toContain("snapshot");
        second.leave();
        const third = await watch(gateway, me, { since: "unknown.7" });
        await third.next("snapshot");
        third.leave();
      });

      test("are only those of the chosen topics", async () => {
        const me = alice;
        const stream = await watch(gateway, me, { topics: "network" });
        expect((await stream.next("snapshot")).nodes).toBeUndefined();
        const { nodes } = (await stream.next("snapshot")).network;
        await serving(me, newModel());
        await stream.next("network", (network) => network.nodes > nodes);
        expect(new Set(stream.events.map(({ name }) => name)))
          .toEqual(new Set(["snapshot", "network"]));
        expect((await asked(gateway, me, "GET /live?topics=prompts")).status).toBe(400);
        stream.leave();
      });

      test("end with the session, at every gateway", async () => {
        const me = await signIn(gateway, alice.email, alice.password);
        const [here, there] = [await watch(gateway, me), await watch(elsewhere, me)];
        await here.next("snapshot");
        await there.next("snapshot");
        await done(gateway, me, "POST /auth/logout");
        await here.next("session_over");
        await here.ended();
        await there.next("session_over");
        await there.ended();
      });

      test("are sent to at most twenty pages of one account", async () => {
        const me = alice;
        const streams = [];
        for (let i = 0; i < 20; i++) streams.push(await watch(gateway, me, { topics: "calls" }));
        const refused = await asked(gateway, me, "GET /live");
        expect([refused.status, refused.json.error.code]).toEqual([429, "too_many_streams"]);
        streams.forEach((stream) => stream.leave());
        await until("there is room again", async () => {
          const stream = await watch(gateway, me, { topics: "calls" }).catch(() => null);
          stream?.leave();
          return stream;
        });
      });
    });
  });
}
