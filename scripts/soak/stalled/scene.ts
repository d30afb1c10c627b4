/** Stalled callers beside healthy ones, in a program of its own, which reports its progress and, last, its result. */

import { join } from "node:path";
import { createAccount } from "../../../tests/harness/account.ts";
import { endAfterTests, endAll } from "../../../tests/harness/cleanup.ts";
import { startGateway } from "../../../tests/harness/gateway.ts";
import { ledgerOf } from "../../../tests/harness/ledger.ts";
import { listNodes, startNode } from "../../../tests/harness/node.ts";
import { until } from "../../../tests/harness/wait.ts";
import { chatBody, RELAYED_MODEL } from "../../bench/chat.ts";
import { residentKib } from "../../bench/memory.ts";
import { startUpstream } from "../../bench/stage.ts";
import { requestBytes } from "../../bench/target.ts";
import { startWorker } from "../../bench/worker.ts";
import { onInterruption } from "../../interruption.ts";
import { PacedStreams, shownGaps, wholeOnly } from "../streams.ts";
import type { ReadersOrder, ReadersReport } from "./readers.ts";

const STREAMS = 50;

/** How long the healthy streams are watched, alone and beside the stalled ones. */
const WATCH_MS = 10_000;

/** A caller that reads nothing this long loses its call: later than all measuring. */
const STALL_SECONDS = 30;

/** About 5 MB, far more than there is room for on the way. */
const LONG = { chunks: 20_000, paceMs: 0 };

/** What the gateway may hold for a reader: its window, and as much again for what Bun keeps beside it. */
const MAX_KIB_PER_READER = 512;

/** What the node may hold for a reader: half a window, what it read last, and as much again for what Bun keeps beside it. */
const MAX_NODE_KIB_PER_READER = 512;

/** How much later than without them the healthy streams' late pieces may come. */
const MAX_SLOWDOWN = 2;

async function play(readers: number): Promise<string> {
  const upstream = await startUpstream();
  endAfterTests(() => upstream.stop());
  const gateway = await startGateway({ env: { COLINK_STALL_SECONDS: String(STALL_SECONDS) } });
  const owner = await createAccount(gateway);
  // Nodes are on machines of their own: what one of them has to do must not count for the other.
  const [node] = await Promise.all(["stalling", "healthy"].map((name) =>
    startNode({
      gateway,
      clientToken: owner.clientToken,
      maxParallel: 2 * (readers + STREAMS),
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: `http://127.0.0.1:${upstream.port}/v1`,
        models: [{ local: RELAYED_MODEL, server_mapping: name }],
      }],
    })
  ));
  const target = { port: Number(new URL(gateway.url).port), token: owner.apiToken };
  const watch = async () => {
    const streams = await PacedStreams.begin(target, "healthy", STREAMS);
    await Bun.sleep(WATCH_MS);
    return wholeOnly(await streams.end());
  };
  const alone = await watch();
  const beforeKib = residentKib(gateway.program.pid);
  const nodeBeforeKib = residentKib(node!.program.pid);

  console.log(`${readers} callers begin to read, and stop`);
  const request = requestBytes(target, chatBody({ model: "stalling", streaming: LONG }));
  await stall({ port: target.port, request: request.toString(), count: readers });
  const beside = await watch();
  const heldKib = residentKib(gateway.program.pid) - beforeKib;
  const nodeKib = residentKib(node!.program.pid) - nodeBeforeKib;

  // The kernel asks, ever more seldom, whether there is room, and for a minute or so some bytes find it.
  console.log("waiting until the stalled callers lose their calls");
  await until("every stalled call is over", async () => {
    return (await listNodes(gateway)).every(({ active_tasks }) => active_tasks === 0);
  }, 10_000 * STALL_SECONDS);
  const rows = await until("the ledger has them all", () => {
    const rows = ledgerOf(gateway, "stalling");
    return rows.length >= readers && rows;
  });
  const cancelled = rows.filter(({ outcome }) => outcome === "cancelled").length;
  if (cancelled !== readers) throw new Error(`${cancelled} of ${readers} calls are "cancelled"`);
  const result = `${readers} stalled callers held ${mib(heldKib)} of the gateway and ${
    mib(nodeKib)
  } of their node, and lost their calls; gaps of ${STREAMS} streams at 50 ms: alone ${
    shownGaps(alone)
  }; beside them ${shownGaps(beside)}`;
  if (heldKib > readers * MAX_KIB_PER_READER) throw new Error(`Too much memory: ${result}`);
  if (nodeKib > readers * MAX_NODE_KIB_PER_READER) {
    throw new Error(`Too much memory at the node: ${result}`);
  }
  if (beside.p99Ms >= MAX_SLOWDOWN * alone.p99Ms) throw new Error(`Others wait: ${result}`);
  return result;
}

/** Resolves once all of them stand still. They go when the scene ends. */
async function stall(order: ReadersOrder): Promise<void> {
  const crowd = startWorker<ReadersReport>(join(import.meta.dir, "readers.ts"));
  endAfterTests(() => crowd.stop());
  crowd.send(order);
  const { problem } = await crowd.next();
  if (problem !== undefined) throw new Error(`Cannot stall: ${problem}`);
}

function mib(kib: number): string {
  return `${Math.round(kib / 1024)} MiB`;
}

onInterruption(async () => {
  await endAll();
  process.exit(130);
});

let exitCode = 0;
let lastWord: string;
try {
  lastWord = await play(Number(process.argv[2]));
} catch (error) {
  lastWord = error instanceof Error ? error.message : String(error);
  exitCode = 1;
}
await endAll();
console.log(lastWord);
process.exit(exitCode);
