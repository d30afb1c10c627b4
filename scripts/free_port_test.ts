/** A port that somebody else holds is passed over. */

import { expect, test } from "bun:test";
import { freePort, isTaken, nextFreePort } from "./free_port.ts";

test("the next free port is taken when the wanted one is somebody else's", async () => {
  const other = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
  try {
    expect(await isTaken(other.port)).toBe(true);
    expect(await nextFreePort(other.port)).toBeGreaterThan(other.port);
  } finally {
    other.stop(true);
  }
});

test("a free port is free", async () => {
  expect(await isTaken(freePort())).toBe(false);
});

test("a process is given other ports each time, and does not run out of them", () => {
  const ports = Array.from({ length: 2_000 }, () => freePort());
  expect(new Set(ports.slice(0, 500)).size).toBe(500);
});
