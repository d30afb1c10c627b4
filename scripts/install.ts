/** Installs exactly what the lockfile names. Imports no dependency, so it runs in a fresh clone. */

import { run } from "./program.ts";
import { root } from "./root.ts";

/**
 * Throws with the installer's own words when it fails: no network, or package.json and bun.lockb
 * disagree.
 */
export async function installDependencies(): Promise<void> {
  const { code, output } = await run([process.execPath, "install", "--frozen-lockfile"], {
    cwd: root,
  });
  if (code === 0) return;
  throw new Error(
    `Cannot install dependencies: \`bun install --frozen-lockfile\` ended with ${code}. ` +
      `Check that the npm registry can be reached, then run this again.\n${output}`,
  );
}

if (import.meta.main) await installDependencies();
