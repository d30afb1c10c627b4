/** The versions of the clients in the tests, by the page's names. */

import manifest from "../../package.json" with { type: "json" };
import { pythonPackages } from "../testing/python.ts";

export const clientVersions: Readonly<Record<string, string>> = Object.freeze({
  ...manifest.devDependencies,
  "openai (Python)": pythonPackages.openai,
});
