/** The kernel's send queues, where Linux shows them: a queue that changes shows that its reader takes bytes. */

import { readFile } from "node:fs/promises";

/** One socket per line; see `man 5 proc`. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/** One reading serves all queries within this time: with many sockets, the tables are long. */
const FRESH_MS = 500;

/** By local port, then by remote port: the queue sizes of all sockets with these ports. */
type Queues = Map<number, Map<number, string>>;

export class SendQueues {
  #read: Promise<Queues> | null = null;
  #readMs = -Infinity;

  /** `readTable` rejects where there is no such file. */
  constructor(
    private readonly readTable: (path: string) => Promise<string> = (path) =>
      readFile(path, "utf8"),
    private readonly monotonic: () => number = () => performance.now(),
  ) {}

  /** A text that changes when some of the bytes queued for the caller have left; null: unknown. */
  async of(ownPort: number | undefined, callerPort: number | undefined): Promise<string | null> {
    if (ownPort === undefined || callerPort === undefined) return null;
    if (this.#read === null || this.monotonic() - this.#readMs > FRESH_MS) {
      this.#readMs = this.monotonic();
      this.#read = this.#readAll();
    }
    return (await this.#read).get(ownPort)?.get(callerPort) ?? null;
  }

  async #readAll(): Promise<Queues> {
    const queues: Queues = new Map();
    const tables = await Promise.allSettled(TABLES.map((path) => this.readTable(path)));
    for (const table of tables) {
      if (table.status === "fulfilled") addQueues(queues, table.value);
    }
    return queues;
  }
}

/** `sl: address:port address:port state sending:receiving …`, in hexadecimal. */
const LINE = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/gm;

function addQueues(queues: Queues, table: string): void {
  for (const [, own = "", other = "", queued = ""] of table.matchAll(LINE)) {
    const ofPort = queues.get(parseInt(own, 16)) ?? new Map<number, string>();
    queues.set(parseInt(own, 16), ofPort);
    const port = parseInt(other, 16);
    ofPort.set(port, `${ofPort.get(port) ?? ""} ${queued}`);
  }
}
