/** What the program is called, so that messages name commands as they can be typed. */

import { basename } from "node:path";

export const programName: string = Bun.isStandaloneExecutable
  ? basename(process.execPath).replace(/\.exe$/i, "")
  : "server";
