/** The setup code: who may use it, for how long, and how often. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Clock, systemClock } from "../base/clock.ts";
import { Setup, SETUP_CODE_MS } from "./setup.ts";

const SECRET = "a secret of at least thirty-two bytes";
const form = { email: "op@example.org", password: "correct horse battery" };

let nowMs: number;
let setBackMs = 0;
const clock: Clock = {
  ...systemClock,
  now: () => nowMs - setBackMs,
  monotonic: () => nowMs,
};
let isSetUp: boolean;
/** E-mails of the administrators that were made. */
let made: string[];

beforeEach(() => {
  nowMs = Date.parse("2026-11-01T12:00:00Z");
  isSetUp = false;
  made = [];
});
afterEach(() => expect(made.length).toBeLessThanOrEqual(1));

function someSetup(secret = SECRET): Setup {
  return new Setup({
    secret,
    clock,
    store: { isSetUp: () => Promise.resolve(isSetUp) },
    accounts: {
      createFirstAdmin(email) {
        if (isSetUp) return Promise.resolve(null);
        isSetUp = true;
        made.push(email);
        return Promise.resolve({ id: "acc_1", email });
      },
    },
  });
}

async function codeOf(setup: Setup): Promise<string> {
  const code = await setup.code();
  if (code === null) throw new Error("there is no code");
  return code;
}

test("a code creates one administrator, on any gateway of the network, and then no other", async () => {
  const [here, there] = [someSetup(), someSetup()];
  const [code, spare] = [await codeOf(here), await codeOf(there)];
  expect(await there.claim(` ${code}\n`, form)).toEqual({ id: "acc_1", email: form.email });
  for (const setup of [here, there]) {
    await expect(setup.claim(spare, form)).rejects.toMatchObject({ code: "not_found" });
  }
  nowMs += 60_000;
  expect(await Promise.all([here, there].map((setup) => setup.isOpen()))).toEqual([false, false]);
  expect(await here.code()).toBeNull();
  expect(made).toEqual([form.email]);
});

test("a code is valid for half an hour", async () => {
  const setup = someSetup();
  const code = await codeOf(setup);
  nowMs += SETUP_CODE_MS;
  await expect(setup.claim(code, form)).rejects.toMatchObject({ code: "setup_refused" });
  nowMs -= 1;
  await setup.claim(code, form);
  expect(made).toHaveLength(1);
});

test("a code that was made up, changed, or made with another secret is refused", async () => {
  const setup = someSetup();
  const code = await codeOf(setup);
  const later = code.replace(/^setup-([^-]+)/, (_, until: string) => {
    return `setup-${(parseInt(until, 36) + 86_400).toString(36)}`;
  });
  const others = await codeOf(someSetup("another secret of thirty-two bytes"));
  for (
    const wrong of ["", "setup-", "setup-zzzzzz-", later, others, code.slice(0, -1), `${code}0`]
  ) {
    await expect(setup.claim(wrong, form)).rejects.toMatchObject({ code: "setup_refused" });
  }
  expect(made).toEqual([]);
});

test("a new gateway asks its database at most every two seconds", async () => {
  let asked = 0;
  const store = { isSetUp: () => Promise.resolve(++asked < 0) };
  const accounts = { createFirstAdmin: () => Promise.resolve(null) };
  const setup = new Setup({ secret: SECRET, store, accounts, clock });
  for (let i = 0; i < 5; i++) expect(await setup.isOpen()).toBe(true);
  expect(asked).toBe(1);
  nowMs += 2000;
  await setup.isOpen();
  expect(asked).toBe(2);
  setBackMs = 24 * 3_600_000;
  nowMs += 2000;
  await setup.isOpen();
  expect(asked).toBe(3);
  setBackMs = 0;
});
