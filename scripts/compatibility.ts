/** Writes docs/compatibility.md from the tests that show it: `bun run compatibility`. */

import { writeFileSync } from "node:fs";
import { allFeatures } from "../tests/compatibility/all.ts";
import { clientVersions } from "./compatibility/client_versions.ts";
import { clientPages, clientsPage } from "./compatibility/clients_page.ts";
import { compatibilityPage } from "./compatibility/page.ts";
import { at } from "./root.ts";

for (const language of ["en", "zh-CN"] as const) {
  writeFileSync(at(clientPages[language]), clientsPage(language));
}
writeFileSync(
  at("docs", "compatibility.md"),
  compatibilityPage(allFeatures, clientVersions),
);
