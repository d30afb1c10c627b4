import { expect, test } from "bun:test";
import { connect } from "node:net";
import { SendQueues } from "./send_queues.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:1F90 0100007F:C350 01 0040F2A1:00000000 00:00000000 00000000     0        0 2
   2: 0100007F:C350 0100007F:1F90 01 00000000:0014664D 00:00000000 00000000     0        0 3
`;
const TABLE_6 =
  `  sl  local_address                         remote_address                        st tx_queue
   0: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:C351 01 00000010:00000000
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000300007F:C351 01 00000020:00000000
`;
const OWN_PORT = 0x1f90;

test("a caller's queue is found by both ports, together with all sockets of the same ports", async () => {
  const queues = new SendQueues((path) => Promise.resolve(path.endsWith("6") ? TABLE_6 : TABLE));
  expect(await queues.of(OWN_PORT, 0xc350)).toContain("0040F2A1");
  expect(await queues.of(OWN_PORT, 0xc351)).toMatch(/00000010.*00000020/);
  expect(await queues.of(OWN_PORT, 0xc352)).toBe(null);
  expect(await queues.of(OWN_PORT + 1, 0xc350)).toBe(null);
  expect(await queues.of(undefined, 0xc350)).toBe(null);
});

test("without the kernel's tables the queue is unknown", async () => {
  const queues = new SendQueues(() => Promise.reject(new Error("no such file")));
  expect(await queues.of(OWN_PORT, 0xc350)).toBe(null);
});

test("one reading serves all queries of the same time", async () => {
  let reads = 0;
  let nowMs = 0;
  const read = () => Promise.resolve(String(reads++));
  const queues = new SendQueues(read, () => nowMs);
  await Promise.all([queues.of(1, 2), queues.of(1, 3)]);
  nowMs = 500;
  await queues.of(1, 2);
  expect(reads).toBe(2);
  nowMs = 501;
  await queues.of(1, 2);
  expect(reads).toBe(4);
});

const isLinux = process.platform === "linux";
if (!isLinux) console.log("not tested here: the kernel's own tables, which only Linux has");

test.if(isLinux)(
  "the queue of a reader that stops does not change, and that of one that reads does",
  async () => {
    const MIB = 1024 * 1024;
    let nowMs = 0;
    const queues = new SendQueues(undefined, () => nowMs += 1_000);
    using listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: (socket) => void socket.write(new Uint8Array(64 * MIB)), data() {} },
    });
    const reader = connect(listener.port, "127.0.0.1");
    const read = Promise.withResolvers<void>();
    await new Promise<void>((resolve) => reader.once("data", () => resolve(void reader.pause())));
    const seen = () => queues.of(listener.port, reader.localPort);
    const settled = async () => {
      for (let before = await seen();;) {
        await Bun.sleep(20);
        const now = await seen();
        if (now === before) return now;
        before = now;
      }
    };
    const still = await settled();
    expect(still).not.toBe(null);
    reader.on("data", () => read.resolve());
    reader.resume();
    await read.promise;
    while (await seen() === still) await Bun.sleep(5);
    reader.destroy();
  },
);
