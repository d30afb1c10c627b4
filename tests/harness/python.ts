/** A Python that has the packages which the documentation's programs need, if this machine has one. */

import { run } from "../../scripts/program.ts";

/** `COLINK_TEST_PYTHON` names another one, for example a virtual environment's. */
const python = process.env.COLINK_TEST_PYTHON ?? "python3";

export interface PythonSearch {
  python: string;
  /** Why there is none to be used; null: there is. */
  missing: string | null;
}

export async function findPython(neededPackage: string): Promise<PythonSearch> {
  const path = Bun.which(python);
  if (path === null) return { python, missing: `${python} is not installed` };
  const { code } = await run([path, "-c", `import ${neededPackage}`]);
  return {
    python: path,
    missing: code === 0 ? null : `${python} has no package ${neededPackage}`,
  };
}
