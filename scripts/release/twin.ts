/** Whether the same commit makes the same bytes in another folder. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archiveName, programNames, SUMS_FILE } from "../../release/mod.ts";
import { collectFacts, hostTarget } from "../build/facts.ts";
import { run } from "../program.ts";
import { root } from "../root.ts";

/**
 * Builds this machine's programs once more, in a clone, and compares their archives with the release
 * in `folder`. Resolves with what was found; throws where the bytes differ. `version`: the release's.
 */
export async function compareWithTwin(folder: string, version: string): Promise<string> {
  const target = hostTarget();
  const expected = sumsOf(folder);
  if (!expected.some((line) => line.endsWith(archiveName("client", target)))) {
    return `NOT TRIED: the release has nothing for ${target}`;
  }
  if ((await collectFacts()).version !== version || version.endsWith("-dirty")) {
    return "NOT TRIED: the tree is not the commit that was released";
  }
  const twin = mkdtempSync(join(tmpdir(), "release-twin-"));
  try {
    await expectSuccess(["git", "clone", "-q", root, twin]);
    await expectSuccess([process.execPath, "install", "--frozen-lockfile", "--production"], twin);
    await expectSuccess([process.execPath, "scripts/release.ts", target], twin);
    const again = sumsOf(join(twin, "bin", "downloads"));
    for (const archive of programNames.map((name) => archiveName(name, target))) {
      const [one, other] = [expected, again].map((lines) =>
        lines.find((line) => line.endsWith(archive))
      );
      if (one !== other) throw new Error(`${archive} has other bytes when built in ${twin}`);
    }
    return "the same bytes";
  } finally {
    rmSync(twin, { recursive: true, force: true });
  }
}

function sumsOf(folder: string): string[] {
  return readFileSync(join(folder, SUMS_FILE), "utf8").split("\n");
}

async function expectSuccess(command: string[], cwd?: string): Promise<void> {
  const { code, output } = await run(command, { cwd });
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${output.slice(-500)}`);
}
