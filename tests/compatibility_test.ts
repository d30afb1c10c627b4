/** Every client works unchanged: each row of docs/compatibility.md, through a real gateway and a real node. */

import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { clientVersions } from "../scripts/compatibility/client_versions.ts";
import { readResults } from "../scripts/compatibility/clients/results.ts";
import { compatibilityPage } from "../scripts/compatibility/page.ts";
import { at } from "../scripts/root.ts";
import { allFeatures } from "./compatibility/all.ts";
import type { Provider } from "./compatibility/feature.ts";
import { type Scene, startScenes } from "./compatibility/scene.ts";

let scenes: Record<Provider, Scene>;

beforeAll(async () => {
  scenes = await startScenes();
}, 180_000);

for (const [client, features] of Map.groupBy(allFeatures, ({ client }) => client)) {
  describe(client, () => {
    for (const { path, provider, does, run, missing = null } of features) {
      const reason = missing === null ? "" : ` (not run: ${missing})`;
      test.skipIf(missing !== null)(`${path} on ${provider}: ${does}${reason}`, async () => {
        await run(scenes[provider]);
        await scenes[provider].verified();
      });
    }
  });
}

test("docs/compatibility.md says what these tests show; `bun run compatibility` rewrites it", () => {
  const page = readFileSync(at("docs", "compatibility.md"), "utf8");
  expect(page).toBe(compatibilityPage(allFeatures, clientVersions, readResults()));
});
