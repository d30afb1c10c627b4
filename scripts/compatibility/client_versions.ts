/** The versions of the clients in the tests, by the page's names. */

import manifest from "../../package.json" with { type: "json" };
import { pythonPackages } from "../testing/python.ts";

/** Older majors stand in package.json as `npm:NAME@VERSION` under another name; the page has them as `NAME MAJOR`. */
const versions = Object.entries(manifest.devDependencies).map(([name, version]) => {
  const [, packageName, aliased] = /^npm:(.+)@(.+)$/.exec(version) ?? [];
  return aliased === undefined ? [name, version] : [`${packageName} ${parseInt(aliased)}`, aliased];
});

export const clientVersions: Readonly<Record<string, string>> = Object.freeze({
  ...Object.fromEntries(versions),
  "openai (Python)": pythonPackages.openai,
});
