/** A new gateway's first administrator, made through its API with the code that the operator prints. */

import { expect, test } from "bun:test";
import type { AuditPage, LoginAnswer, SettingsView } from "../../api/mod.ts";
import { createAccount } from "../harness/account.ts";
import { type Answer, ask } from "../harness/api.ts";
import { createDatabase } from "../harness/database.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";
import { until } from "../harness/wait.ts";

const JWT_SECRET = "a secret of the setup's tests, long enough";
const password = "correct horse battery";

const databases = [
  { name: "SQLite", environment: () => Promise.resolve({}) },
  {
    name: "PostgreSQL",
    environment: async () => ({ DATABASE_URL: await createDatabase(), JWT_SECRET }),
  },
];

function claim({ url }: Gateway, form: object): Promise<Answer<LoginAnswer>> {
  return ask<LoginAnswer>(`${url}/api/setup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ password, registration: "invite", ...form }),
  });
}

async function isNew({ url }: Gateway): Promise<boolean> {
  return (await ask<{ setup: boolean }>(`${url}/api/info`)).json.setup;
}

test.each(databases)(
  "a new gateway on $name is set up once, by the holder of the printed link, even if others have registered before",
  async ({ environment }) => {
    const env = await environment();
    const gateway = await startGateway({ env });
    const print = () =>
      runGateway(["admin", "setup"], {
        dataDir: gateway.dataDir,
        // Nothing says at which port the gateway listens: it has left its address for the command.
        env,
      });
    expect(await isNew(gateway)).toBe(true);
    await until(
      "the log says how to set it up",
      () => gateway.log.some((line) => line.includes("server admin setup")),
    );
    // Who comes first is a user like any other.
    expect((await createAccount(gateway)).user.role).toBe("user");
    const guess = { code: "setup-zzzzzz-0", email: "eve@example.com" };
    expect((await claim(gateway, guess)).status).toBe(403);

    const { output } = await print();
    const code = /\S+\/setup#(setup-\S+)/.exec(output)?.[1] ?? "";
    expect(output).toContain(`${gateway.url}/setup#${code}`);
    const weak = await claim(gateway, { code, email: "op@example.com", password: "short" });
    expect(weak.status).toBe(400);
    const all = await Promise.all(
      ["op@example.com", "second@example.com", "third@example.com"]
        .map((email) => claim(gateway, { code, email })),
    );
    expect(all.map(({ status }) => status).toSorted()).toEqual([200, 404, 404]);
    const { json, headers } = all.find(({ status }) => status === 200)!;
    expect(json.user.role).toBe("admin");
    expect(headers.getSetCookie().join()).toContain("colink_session=");

    const session = { token: json.token };
    const settings = await ask<SettingsView>(`${gateway.url}/api/admin/settings`, session);
    expect(settings.json.registration).toMatchObject({ value: "invite", is_set: true });
    const log = await ask<AuditPage>(`${gateway.url}/api/admin/audit`, session);
    const auditEvents = log.json.entries.filter(({ actor }) => actor === json.user.email);
    expect(auditEvents.map(({ action }) => action).toSorted())
      .toEqual(["account.registered", "session.started", "settings.changed"]);

    expect((await claim(gateway, { code, email: "late@example.com" })).status).toBe(404);
    expect(await isNew(gateway)).toBe(false);
    expect((await print()).output).not.toContain("setup-");
    // A log may be read by many.
    expect(gateway.log.join("\n")).not.toContain(code);
  },
  180_000,
);
