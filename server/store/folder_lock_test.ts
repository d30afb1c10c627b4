/** The lock of a data folder, between processes and within one. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../base/log.ts";
import { openStore } from "./open.ts";

test("one gateway at a time serves from a data folder; commands read it beside; a killed one lets go", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "colink-lock-"));
  const open = (isExclusive: boolean) =>
    openStore({ databaseUrl: null, dataDir, log: silentLog, isExclusive });
  const script = `import { lockFolder } from ${
    JSON.stringify(join(import.meta.dir, "folder_lock.ts"))
  };
    globalThis.unlock = lockFolder(${
    JSON.stringify(dataDir)
  }); console.log("locked"); setInterval(() => {}, 1000);`;
  const other = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  try {
    await other.stdout.getReader().read();
    await expect(open(true)).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringContaining("COLINK_DATA_DIR"),
    });
    await (await open(false)).close();
    other.kill("SIGKILL");
    await other.exited;
    const store = await open(true);
    await expect(open(true)).rejects.toThrow(`another gateway is running on the folder ${dataDir}`);
    await store.close();
    await (await open(true)).close();
  } finally {
    other.kill("SIGKILL");
    rmSync(dataDir, { recursive: true });
  }
});
