import { expect, test } from "bun:test";
import { silentLog } from "../../../log/log.ts";
import { FakeClock } from "../../base/testing/fake_clock.ts";
import type { IdentityRow } from "../../store/identities.ts";
import { ProviderUnreachable } from "./bounded_fetch.ts";
import { NOTHING_GIVEN } from "./entitlements.ts";
import { GrantSeal } from "./grant_seal.ts";
import { ProviderChecks } from "./provider_checks.ts";
import { type Grant, InvalidProof } from "./sign_in_provider.ts";

const jwtSecret = "a secret of the tests, long enough";

/** Asks for the people of several batches, of whom the first answers with `failure`. Resolves with those who were asked. */
async function asked(failure: Error): Promise<string[]> {
  const clock = new FakeClock();
  const grant: Grant = { accessToken: "", refreshToken: "r", idToken: "" };
  const person = (subject: string): IdentityRow => ({
    issuer: "https://id.example",
    subject,
    accountId: `account of ${subject}`,
    createdAt: 0,
    given: NOTHING_GIVEN,
    sealedGrant: new GrantSeal(jwtSecret).seal(grant),
    dueAt: 0,
    suspendedAt: null,
  });
  const batches = [[person("broken")], [person("next")], [person("last")]];
  const subjects: string[] = [];
  const checks = new ProviderChecks({
    provider: {
      renewed(subject: string) {
        subjects.push(subject);
        if (subject === "broken") return Promise.reject(failure);
        return Promise.resolve({ subject, claims: {}, sid: "", grant });
      },
    },
    config: { oidcIssuer: "https://id.example", jwtSecret },
    store: {
      identities: {
        claimDue: () => Promise.resolve(batches.shift() ?? []),
        checked: () => Promise.resolve(),
      },
    } as never,
    entitlements: { apply: (_, given) => Promise.resolve(given) },
    sessions: { ended: () => {} },
    keyring: { revoked: () => {} },
    audit: { write: () => Promise.resolve() },
    clock,
    log: silentLog,
  });
  await checks.run();
  await checks.close();
  return subjects;
}

test("a person of whom the provider answers nothing valid holds up nobody else", async () => {
  expect(await asked(new InvalidProof("an ID token of another person")))
    .toEqual(["broken", "next", "last"]);
});

test("a provider that does not answer is left alone for a while", async () => {
  expect(await asked(new ProviderUnreachable("no answer within 8 s"))).toEqual(["broken"]);
});
