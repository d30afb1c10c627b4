/** Writes docs/compatibility.md from the tests that show it: `bun run compatibility`. */

import { writeFileSync } from "node:fs";
import { allFeatures } from "../tests/compatibility/all.ts";
import { clientVersions } from "./compatibility/client_versions.ts";
import { compatibilityPage } from "./compatibility/page.ts";
import { at } from "./root.ts";

writeFileSync(
  at("docs", "compatibility.md"),
  compatibilityPage(allFeatures, clientVersions),
);
