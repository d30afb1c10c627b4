import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Fields, silentLog } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { openStore } from "../store/open.ts";
import { AcmeCertificates } from "./acme.ts";

test("a gateway that waits for another's order says so, and orders within a minute of the other's death, not before", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "acme-"));
  const store = await openStore({ databaseUrl: null, dataDir, log: silentLog });
  await store.migrate();
  /** Takes the order, and never answers. */
  const authority = Bun.serve({ port: 0, fetch: () => new Promise<Response>(() => {}) });
  const gatewayOf = (clock: FakeClock) => {
    const lines: string[] = [];
    const note = (_fields: Fields, line: string) => void lines.push(line);
    const certificates = new AcmeCertificates({
      domains: ["co-link.example.com"],
      directoryUrl: authority.url.href,
      email: "",
      secret: "0123456789abcdef".repeat(4),
      store,
      clock,
      log: { debug: note, info: note, warn: note, error: note },
    });
    void certificates.start(() => {});
    return { certificates, lines };
  };
  const ordering = "orders a certificate; HTTPS begins once it has come";
  const [theirs, ours] = [new FakeClock(), new FakeClock()];
  try {
    const other = gatewayOf(theirs);
    await passUntil(theirs, 0, () => other.lines.includes(ordering));
    const own = gatewayOf(ours);
    // The other one lives: whenever its lock would end, it has renewed it.
    for (let seconds = 0; seconds < 120; seconds += 3) {
      await passUntil(theirs, 3_000, () => true);
      await passUntil(ours, 3_000, () => true);
    }
    expect(own.lines).toEqual([expect.stringMatching(/^another gateway orders the certificate/)]);
    // It has died: its clock stands still.
    let waitedMs = 0;
    await passUntil(ours, 3_000, () => (waitedMs += 3_000) > 0 && own.lines.includes(ordering));
    expect(waitedMs).toBeLessThanOrEqual(66_000);
  } finally {
    await authority.stop(true);
    await store.close();
    rmSync(dataDir, { recursive: true });
  }
});

/** Lets time pass step by step, and the database do its work between the steps, until the condition holds. */
async function passUntil(clock: FakeClock, stepMs: number, isDone: () => boolean): Promise<void> {
  do {
    await clock.pass(stepMs);
    await Bun.sleep(1);
    await clock.pass(0);
  } while (!isDone());
}
