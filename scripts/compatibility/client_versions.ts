/** Which versions of the clients the tests use, by the names that the page has for them. */

import manifest from "../../package.json" with { type: "json" };
import { pythonPackages } from "../testing/python.ts";

export const clientVersions: Readonly<Record<string, string>> = Object.freeze({
  ...manifest.devDependencies,
  "openai (Python)": pythonPackages.openai,
});
