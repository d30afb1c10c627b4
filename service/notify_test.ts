/** systemd's notifications, received by a socket as systemd opens one; Python has sockets of this kind. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const receive = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1]); s.settimeout(20); print("open", flush=True)
for _ in range(3): print(s.recv(100).decode(), flush=True)
`;

test.skipIf(Bun.which("python3") === null || process.platform !== "linux")(
  "ready, then alive in time, then stopping (skipped without python3 on Linux)",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "colink-notify-"));
    try {
      const path = join(folder, "notify");
      const receiver = Bun.spawn(["python3", "-c", receive, path], { stdout: "pipe" });
      const reader = receiver.stdout.getReader();
      await reader.read();
      const script = `
        const { notifyServiceManager } = await import(${
        JSON.stringify(import.meta.resolve("./notify.ts"))
      });
        const manager = notifyServiceManager(process.env);
        setTimeout(() => manager.stopping(), 150);`;
      Bun.spawn([process.execPath, "-e", script], {
        env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000" },
      });
      let text = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        text += new TextDecoder().decode(part.value);
      }
      expect(text.trim().split("\n")).toEqual(["READY=1", "WATCHDOG=1", "STOPPING=1"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
