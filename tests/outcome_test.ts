/** What counts as a failed call, for the gateway and for its console. */

import { expect, test } from "bun:test";
import { type Outcome, outcomes } from "../server/base/outcome.ts";
import { isFailed } from "../web/page/calls/fits.ts";

for (const outcome of Object.keys(outcomes) as Outcome[]) {
  test(`the console lists a call with the outcome ${outcome} as failed where the gateway does`, () => {
    expect(isFailed[outcome]).toBe(outcomes[outcome].failed);
  });
}
