import { expect, test } from "bun:test";
import { silentLog } from "../../../log/log.ts";
import { FakeClock } from "../../base/testing/fake_clock.ts";
import type { IdentityRow } from "../../store/identities.ts";
import { ProviderUnreachable } from "./bounded_fetch.ts";
import { NOTHING_GIVEN } from "./entitlements.ts";
import { GrantSeal } from "./grant_seal.ts";
import { ProviderChecks, type ProviderChecksOptions } from "./provider_checks.ts";
import { type Grant, InvalidProof } from "./sign_in_provider.ts";

const jwtSecret = "a secret of the tests, long enough";

const GRANT: Grant = { accessToken: "", refreshToken: "r", idToken: "" };

function personOf(subject: string): IdentityRow {
  return {
    issuer: "https://id.example",
    subject,
    accountId: `account of ${subject}`,
    createdAt: 0,
    given: NOTHING_GIVEN,
    sealedGrant: new GrantSeal(jwtSecret).seal(GRANT),
    dueAt: 0,
    suspendedAt: null,
  };
}

test("a person whose answers stay invalid is asked for less and less often, and the log has one line of it", async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const dueAfterMs: number[] = [];
  const person = personOf("broken");
  let isValid = false;
  let isAsked = 0;
  const checks = checksWith({
    clock,
    renewed: (subject) =>
      isValid
        ? Promise.resolve({ subject, claims: {}, sid: "", grant: GRANT })
        : Promise.reject(new InvalidProof("an ID token of another person")),
    identities: {
      claimDue: () => Promise.resolve(isAsked++ % 2 === 0 ? [person] : []),
      checked(_: IdentityRow, { dueAt }: { dueAt: number }) {
        dueAfterMs.push(dueAt - clock.now());
        return Promise.resolve();
      },
    },
    log: { ...silentLog, info: (_: unknown, line: string) => void lines.push(line) } as never,
  });
  for (let i = 0; i < 5; i++) await checks.run();
  expect(dueAfterMs.map((ms) => ms / 1000)).toEqual([30, 60, 120, 240, 240]);
  expect(lines).toHaveLength(1);
  isValid = true;
  await checks.run();
  isValid = false;
  await checks.run();
  expect(dueAfterMs.at(-1)).toBe(30_000);
  expect(lines).toHaveLength(2);
  await checks.close();
});

interface World {
  clock?: FakeClock;
  renewed: ProviderChecksOptions["provider"]["renewed"];
  identities: object;
  log?: ProviderChecksOptions["log"];
}

/** Checks of people whose entitlements stay as they are. */
function checksWith(
  { clock = new FakeClock(), renewed, identities, log = silentLog }: World,
): ProviderChecks {
  return new ProviderChecks({
    provider: { renewed },
    config: { oidcIssuer: "https://id.example", jwtSecret },
    store: { identities } as never,
    entitlements: { apply: (_, given) => Promise.resolve(given) },
    sessions: { ended: () => {} },
    keyring: { revoked: () => {} },
    audit: { write: () => Promise.resolve() },
    clock,
    log,
  });
}

/** Asks for the people of several batches, of whom the first answers with `failure`. Resolves with those who were asked. */
async function asked(failure: Error): Promise<string[]> {
  const batches = [[personOf("broken")], [personOf("next")], [personOf("last")]];
  const subjects: string[] = [];
  const checks = checksWith({
    renewed(subject) {
      subjects.push(subject);
      if (subject === "broken") return Promise.reject(failure);
      return Promise.resolve({ subject, claims: {}, sid: "", grant: GRANT });
    },
    identities: {
      claimDue: () => Promise.resolve(batches.shift() ?? []),
      checked: () => Promise.resolve(),
    },
  });
  await checks.run();
  await checks.close();
  return subjects;
}

test("a person of whom the provider answers nothing valid delays no one else", async () => {
  expect(await asked(new InvalidProof("an ID token of another person")))
    .toEqual(["broken", "next", "last"]);
});

test("a provider that does not answer is left alone for a while", async () => {
  expect(await asked(new ProviderUnreachable("no answer within 8 s"))).toEqual(["broken"]);
});
