/** Ports of this machine: free ones, and whether one is taken. */

/** From these, because systems take the ports of outgoing connections from above them. */
const LOWEST = 10_000;
const HIGHEST = 32_000;

/** Processes of the test runner that run at a time are given ports of different remainders by this. */
const LANES = 16;
const LANE = Number(process.env.BUN_TEST_WORKER_ID ?? 0) % LANES;

/** Ports that this process was given last: a program takes a while until it listens. */
const given = new Set<number>();
/** A fraction of a lane's ports, so that a long campaign does not run out of them. */
const MAX_GIVEN = 500;

/** A port on which no program listens at this moment, and which no outgoing connection is given by itself. */
export function freePort(hostname = "127.0.0.1"): number {
  for (;;) {
    const port = LOWEST + LANES * Math.floor(Math.random() * (HIGHEST - LOWEST) / LANES) + LANE;
    if (given.has(port) || !canListen(port, hostname)) continue;
    given.add(port);
    if (given.size > MAX_GIVEN) given.delete(given.values().next().value!);
    return port;
  }
}

/** The first port from `port` upwards that can be listened on. Throws when none of the next 100 can. */
export async function nextFreePort(port: number, hostname = "127.0.0.1"): Promise<number> {
  for (let candidate = port; candidate < Math.min(port + 100, 65_536); candidate++) {
    if (!await isTaken(candidate, hostname)) return candidate;
  }
  throw new Error(`Cannot find a free port: ${port} and the next hundred are taken; set PORT=0`);
}

export async function isTaken(port: number, hostname = "127.0.0.1"): Promise<boolean> {
  // Some systems let an address be listened on while another program holds all addresses.
  return await answers(port, hostname) || !canListen(port, hostname);
}

async function answers(port: number, hostname: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname, port, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch {
    // Refused: no program is there.
    return false;
  }
}

function canListen(port: number, hostname: string): boolean {
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
