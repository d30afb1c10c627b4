/** systemd's notifications: that the program is ready, and that it is alive. Elsewhere nothing happens. */

import { dlopen, FFIType, ptr } from "bun:ffi";

type Env = Readonly<Record<string, string | undefined>>;

export interface ServiceManager {
  /** One line of the service's status. */
  status(text: string): void;
  stopping(): void;
}

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
/** Names of the C library, of glibc first. */
const LIBRARIES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

/** Says that the program is ready, and from then on half as often as systemd asks that it is alive. */
export function notifyServiceManager(env: Env): ServiceManager {
  const send = senderTo(env.NOTIFY_SOCKET);
  send("READY=1");
  const watchdogMs = Number(env.WATCHDOG_USEC ?? 0) / 1000;
  if (watchdogMs > 0) setInterval(() => send("WATCHDOG=1"), watchdogMs / 2).unref();
  return {
    status: (text) => send(`STATUS=${text.replaceAll("\n", " ")}`),
    stopping: () => send("STOPPING=1"),
  };
}

/** The runtime has no datagram sockets of this family: the C library's are called. Never throws. */
function senderTo(path: string | undefined): (state: string) => void {
  if (!path || process.platform !== "linux") return () => {};
  const library = openLibrary();
  if (library === null) return () => {};
  const address = addressOf(path);
  const descriptor = library.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  return (state) => {
    const bytes = Buffer.from(state);
    library.sendto(descriptor, ptr(bytes), bytes.length, 0, ptr(address), address.length);
  };
}

function openLibrary() {
  const symbols = {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    sendto: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i64,
    },
  } as const;
  for (const name of LIBRARIES) {
    try {
      return dlopen(name, symbols).symbols;
    } catch {
      // The other C library.
    }
  }
  return null;
}

/** `struct sockaddr_un`; a leading @ stands for the abstract namespace. */
function addressOf(path: string): Buffer {
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}
