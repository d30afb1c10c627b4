import { expect, test } from "bun:test";
import type { KeyView } from "../../../api/mod.ts";
import { installBrowser } from "../../testing/browser.ts";
import { drawn } from "../../testing/drawn.ts";

installBrowser();
const { KeyTable } = await import("./KeyTable.tsx");

const own: KeyView = {
  id: "k1",
  name: "",
  kind: "api",
  hint: "sk-colink-Ab…9xYz",
  is_default: true,
  state: "active",
  models: null,
  rpm: null,
  route: "any",
  budget: null,
  created_at: 0,
  last_used_at: null,
  expires_at: null,
};

/** The names of the actions that are offered for a key. */
function actionsOf(changes: Partial<KeyView>): string[] {
  const html = drawn(KeyTable, {
    keys: [{ ...own, ...changes }],
    tokens: { api: "sk-colink-1", client: "client-1" },
    uses: [],
    onTool() {},
  });
  return [...html.matchAll(/aria-label="([^"]+)"/g)].map(([, name = ""]) => name);
}

test("an account's own key is copied, used, changed and rotated, and not revoked", () => {
  const name = "Account’s own API key";
  expect(actionsOf({}))
    .toEqual([`Copy: ${name}`, `Use ${name}`, `Change ${name}`, `Rotate ${name}`]);
});

test("a key that was replaced is revoked before its time, and nothing else", () => {
  const replaced = { state: "replaced", is_default: false, expires_at: 1 } as const;
  expect(actionsOf(replaced)).toEqual(["Revoke Account’s own API key"]);
  expect(actionsOf({ ...replaced, name: "laptop" })).toEqual(["Revoke laptop"]);
});
