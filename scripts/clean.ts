/** Removes what was built: `bun run clean`. Installed packages and data folders stay. */

import { rmSync } from "node:fs";
import { at } from "./root.ts";

for (const folder of ["bin", "dist"]) rmSync(at(folder), { recursive: true, force: true });
