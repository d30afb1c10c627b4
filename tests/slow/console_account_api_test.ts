/** An account's own data through the console's API: keys, sessions, calls, usage. On SQLite, and on PostgreSQL with two gateways over it. */

import { beforeAll, describe, expect, test } from "bun:test";
import type {
  CallPage,
  CallView,
  CreatedKey,
  KeyView,
  RotatedKey,
  SessionView,
  UsageView,
} from "../../api/mod.ts";
import { type Account, createAccount, login, signIn } from "../harness/account.ts";
import { chat, hello, stream } from "../harness/api.ts";
import { asked, done } from "../harness/console_api.ts";
import { databases } from "../harness/database.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { until } from "../harness/wait.ts";

/** A change at one gateway is in force at all others within 5 s; a busy machine is given three times as long. */
const EVERYWHERE_MS = 15_000;

for (const [database, settings] of databases) {
  describe(`on ${database}`, () => {
    let gateway: Gateway;
    /** Another gateway over the same database; on SQLite the same one. */
    let elsewhere: Gateway;
    /** Made only by tests that need an account of their own: hashing passwords takes time. */
    let alice: Account;
    let bob: Account;
    let carol: Account;

    beforeAll(async () => {
      const env = await settings();
      gateway = await startGateway({ env });
      elsewhere = database === "SQLite" ? gateway : await startGateway({ env });
      [alice, bob, carol] = await Promise.all([
        createAccount(gateway),
        createAccount(gateway),
        createAccount(gateway),
      ]);
    }, 180_000);

    const model = () => `model-${crypto.randomUUID()}`;

    async function serving(owner: Account, models: string[], maxParallel = 10) {
      const node = await joinNode({ gateway, owner, models, maxParallel });
      answerEveryCall(node);
      const id = (await node.view())!.id;
      return { node, id };
    }

    const codeOf = async (token: string, name: string, where = gateway) =>
      (await chat(where, token, hello(name))).json.error?.code ?? null;

    describe("keys", () => {
      test(
        "are created with limits that are kept, changed, and revoked at every gateway",
        async () => {
          const [mine, other] = [model(), model()];
          await serving(alice, [mine, other]);
          const made = await done<CreatedKey>(gateway, alice, "POST /keys", {
            name: "laptop",
            models: [mine],
            rpm: 3,
          });
          expect(made.key).toMatchObject({
            name: "laptop",
            kind: "api",
            is_default: false,
            state: "active",
            models: [mine],
            rpm: 3,
            last_used_at: null,
          });
          expect(made.key.hint).toBe(`${made.token.slice(0, 12)}…${made.token.slice(-4)}`);
          expect(await codeOf(made.token, other)).toBe("model_not_allowed");
          expect(await codeOf(made.token, mine)).toBeNull();
          expect(await codeOf(made.token, mine)).toBeNull();
          expect(await codeOf(made.token, mine)).toBe("rate_limit_exceeded");
          // The account's own limit is separate.
          expect(await codeOf(alice.apiToken, mine)).toBeNull();

          const { id } = made.key;
          const change = { name: "desk", models: null, rpm: null };
          const { key } = await done<{ key: KeyView }>(gateway, alice, `PATCH /keys/${id}`, change);
          expect(key).toMatchObject(change);
          expect(await codeOf(made.token, other)).toBeNull();
          const listed = await until("its use is noted", async () => {
            const { keys } = await done<{ keys: KeyView[] }>(gateway, alice, "GET /keys");
            const own = keys.find((one) => one.id === id);
            return typeof own?.last_used_at === "number" && keys;
          });
          expect(listed.filter(({ is_default }) => is_default)).toHaveLength(2);
          expect(JSON.stringify(listed)).not.toContain(made.token);

          expect(await codeOf(made.token, "none", elsewhere)).toBe("model_not_found");
          await done(gateway, alice, `DELETE /keys/${id}`);
          expect(await codeOf(made.token, mine)).toBe("key_revoked");
          await until("it is revoked elsewhere", async () => {
            return await codeOf(made.token, "none", elsewhere) === "key_revoked";
          }, EVERYWHERE_MS);
          expect((await asked(gateway, alice, `DELETE /keys/${id}`)).status).toBe(404);
        },
        180_000,
      );

      test(
        "are rotated with an overlap in which both are valid, and share their limit",
        async () => {
          const name = model();
          await serving(alice, [name]);
          const made = await done<CreatedKey>(gateway, alice, "POST /keys", { name: "ci", rpm: 2 });
          const rotate = (id: string, overlap_seconds: number) =>
            done<RotatedKey>(gateway, alice, `POST /keys/${id}/rotate`, { overlap_seconds });
          const rotated = await rotate(made.key.id, 3600);
          expect(rotated.key).toMatchObject({ name: "ci", rpm: 2, state: "active" });
          expect(rotated.replaced).toMatchObject({ id: made.key.id, state: "replaced" });
          expect(await codeOf(made.token, name)).toBeNull();
          expect(await codeOf(rotated.token, name)).toBeNull();
          expect(await codeOf(rotated.token, name)).toBe("rate_limit_exceeded");
          const again = await asked(gateway, alice, `POST /keys/${made.key.id}/rotate`, {});
          expect(again.status).toBe(404);
        },
        180_000,
      );

      test("that were replaced are refused once their overlap is over", async () => {
        const made = await done<CreatedKey>(gateway, alice, "POST /keys", { name: "brief" });
        const { token } = await done<RotatedKey>(
          gateway,
          alice,
          `POST /keys/${made.key.id}/rotate`,
          { overlap_seconds: 1 },
        );
        await until("the old one is over", async () => {
          const code = await codeOf(made.token, "none");
          return code === "key_expired" || code === "key_revoked";
        });
        expect(await codeOf(token, "none")).toBe("model_not_found");
      });

      test("expire, and a default one can be rotated but not revoked", async () => {
        const me = await createAccount(gateway);
        const made = await done<CreatedKey>(gateway, me, "POST /keys", {
          name: "guest",
          expires_at: Date.now() - 1,
        });
        expect(await codeOf(made.token, "none")).toBe("key_expired");
        const { keys } = await done<{ keys: KeyView[] }>(gateway, me, "GET /keys");
        const own = keys.find(({ is_default, kind }) => is_default && kind === "api")!;
        expect(keys.map(({ id }) => id)).not.toContain(made.key.id);
        const refused = await asked(gateway, me, `DELETE /keys/${own.id}`);
        expect(refused.json.error.code).toBe("invalid_request");
        const rotated = await done<RotatedKey>(gateway, me, `POST /keys/${own.id}/rotate`, {});
        expect(rotated).toMatchObject({ key: { is_default: true }, replaced: null });
        const { user } = await done<{ user: { api_token: string } }>(gateway, me, "GET /user/me");
        expect(user.api_token).toBe(rotated.token);
        expect(await codeOf(me.apiToken, "none")).toBe("key_revoked");
      });

      test("with wrong values are refused with a code for each field", async () => {
        const wrong = { name: "", rpm: -1, models: [], expires_at: "soon", colour: "red" };
        const { status, json } = await asked(gateway, alice, "POST /keys", wrong);
        expect(status).toBe(400);
        expect(json.error).toMatchObject({ code: "invalid_request", param: expect.any(String) });
        expect(json.error.fields?.map(({ param, code, limit }) => [param, code, limit]).toSorted())
          .toEqual([
            ["colour", "unknown_field", undefined],
            ["expires_at", "wrong_type", undefined],
            ["models", "too_short", 1],
            ["name", "too_short", 1],
            ["rpm", "too_small", 0],
          ]);
        const missing = await asked(gateway, alice, "POST /keys", {});
        expect(missing.json.error.fields).toEqual([
          { param: "name", code: "required", message: "is missing" },
        ]);
      });
    });

    describe("sessions", () => {
      const isIn = async (jwt: string, where = gateway) =>
        (await asked(where, { jwt }, "GET /user/me")).status === 200;

      test("are listed, ended one by one and all others at once, at every gateway", async () => {
        const me = await createAccount(gateway);
        const others = [];
        for (let i = 0; i < 2; i++) others.push(await signIn(gateway, me.email, me.password));
        const list = async () =>
          (await done<{ sessions: SessionView[] }>(gateway, me, "GET /user/sessions")).sessions;
        const sessions = await list();
        expect(sessions).toHaveLength(3);
        expect(sessions.filter(({ current }) => current)).toHaveLength(1);
        const newest = sessions.find(({ current }) => !current)!;
        expect(newest).toMatchObject({ address: "127.0.0.1", user_agent: expect.any(String) });
        await done(gateway, me, `DELETE /user/sessions/${newest.id}`);
        expect(await list()).toHaveLength(2);
        expect(await done<object>(gateway, me, "DELETE /user/sessions")).toEqual({ ended: 1 });
        for (const { jwt } of others) {
          expect(await isIn(jwt)).toBe(false);
          expect(await isIn(jwt, elsewhere)).toBe(false);
        }
        expect(await isIn(me.jwt)).toBe(true);
      });

      test("end at sign-out: their token is no longer valid", async () => {
        const me = await signIn(gateway, alice.email, alice.password);
        expect((await asked(gateway, me, "POST /auth/logout")).status).toBe(200);
        expect(await isIn(me.jwt)).toBe(false);
        expect(await isIn(me.jwt, elsewhere)).toBe(false);
      });

      test("end when the password is changed, all but the one that changed it", async () => {
        const me = await createAccount(gateway);
        const other = await signIn(gateway, me.email, me.password);
        const change = { current_password: "not this", new_password: "another password" };
        const refused = await asked(gateway, me, "POST /user/password", change);
        expect(refused.json.error).toMatchObject({
          code: "invalid_credentials",
          param: "current_password",
        });
        const weak = { current_password: me.password, new_password: "short" };
        expect((await asked(gateway, me, "POST /user/password", weak)).json.error)
          .toMatchObject({ code: "weak_password", param: "new_password" });
        await done(gateway, me, "POST /user/password", {
          ...change,
          current_password: me.password,
        });
        expect(await isIn(me.jwt)).toBe(true);
        expect(await isIn(other.jwt)).toBe(false);
        expect((await login(gateway, me.email, me.password)).status).toBe(401);
        await signIn(gateway, me.email, "another password");
      });
    });

    describe("calls and usage", () => {
      test("show each side its own calls, with their attempts", async () => {
        const [caller, first, second] = [bob, carol, alice];
        const name = model();
        const bad = await joinNode({ gateway, owner: first, models: [name] });
        bad.raw.socket.addEventListener("message", ({ data }) => {
          const frame = JSON.parse(String(data)) as { type: string; data: { request_id: string } };
          if (frame.type === "CALL") bad.fail(frame.data.request_id, 401);
        });
        const failing = (await bad.view())!.id;
        expect(await codeOf(caller.apiToken, name)).toBe("upstream_auth");
        const { id: good } = await serving(second, [name]);
        // The first node is penalised now; it gets a call once its penalty has ended.
        expect(await codeOf(caller.apiToken, name)).toBeNull();
        const { events } = await stream(gateway, caller.apiToken, hello(name));
        await Array.fromAsync(events);
        expect(await codeOf(caller.apiToken, "nowhere")).toBe("model_not_found");

        const calls = async (account: Account, query = "") =>
          await done<CallPage>(gateway, account, `GET /calls${query}`);
        const made = (await until("all are written down, and their nodes", async () => {
          const page = await calls(caller);
          const named = page.calls.flatMap(({ attempts }) => attempts.map((one) => one.node_name));
          return page.calls.length === 4 && !named.includes(null) && page;
        })).calls;
        expect(made.map(({ status }) => status)).toEqual([404, 200, 200, 502]);
        expect(made[0]).toMatchObject({ cause: "model_not_found", node: null, attempts: [] });
        expect(made[1]).toMatchObject({
          stream: true,
          outcome: "ok",
          cause: null,
          node: good,
          key_name: "",
          attempts: [{ node: good, end: "ok" }],
        });
        expect(made[3]).toMatchObject({
          outcome: "upstream_error",
          cause: "upstream_auth",
          attempts: [{ node: failing, end: "upstream_auth", node_name: bad.nodeId }],
        });

        const provided = (await calls(second, `?side=provided&model=${name}`)).calls;
        expect(provided.map(({ id }) => id)).toEqual([made[1]!.id, made[2]!.id]);
        expect(provided[0]).toMatchObject({ key_id: null, key_name: null, side: "provided" });
        expect(JSON.stringify(provided)).not.toContain(caller.user.id);
        expect((await calls(first, "?side=made")).calls).toEqual([]);

        const filters = [
          "?outcome=failed",
          "?status=502",
          `?node=${failing}`,
          "?outcome=upstream_error",
        ];
        for (const filter of filters) {
          const ids = (await calls(caller, filter)).calls.map(({ id }) => id);
          expect(ids).toContain(made[3]!.id);
          expect(ids).not.toContain(made[1]!.id);
        }
        const page = await calls(caller, "?limit=3");
        expect(page.next_cursor).not.toBeNull();
        const rest = await calls(caller, `?limit=3&cursor=${page.next_cursor}`);
        expect([...page.calls, ...rest.calls].map(({ id }) => id)).toEqual(
          made.map(({ id }) => id),
        );
        expect(rest.next_cursor).toBeNull();
        expect((await asked(gateway, caller, "GET /calls?cursor=nonsense")).json.error.param)
          .toBe("cursor");

        const one = `GET /calls/${made[1]!.id}` as const;
        expect((await done<{ call: CallView }>(gateway, caller, one)).call).toMatchObject(made[1]!);
        expect((await done<{ call: CallView }>(gateway, second, one)).call.key_id).toBeNull();
        expect((await asked(gateway, first, one)).status).toBe(404);

        const usage = await done<UsageView>(gateway, caller, "GET /usage");
        expect(usage).toMatchObject({ side: "made", step: "hour", total: { calls: 4, errors: 2 } });
        expect(usage.total.first_token_p50_ms).toBeNumber();
        expect(usage.by_model).toMatchObject([{ id: name, calls: 3 }, { id: "nowhere", calls: 1 }]);
        expect(usage.by_node.map(({ id, calls }) => [id, calls])).toEqual([[good, 2], [
          failing,
          1,
        ]]);
        expect(usage.by_key).toHaveLength(1);
        expect(usage.before.calls).toBe(0);
        const ofProvider = await done<UsageView>(
          gateway,
          second,
          `GET /usage?side=provided&step=minute&model=${name}`,
        );
        expect(ofProvider).toMatchObject({ total: { calls: 2 }, by_key: [] });
        expect(ofProvider.series.reduce((sum, { calls }) => sum + calls, 0)).toBe(2);
        const wide = await asked(gateway, caller, `GET /usage?from=0&step=minute`);
        expect(wide.json.error).toMatchObject({ code: "invalid_request", param: "step" });
      }, 180_000);
    });
  });
}
