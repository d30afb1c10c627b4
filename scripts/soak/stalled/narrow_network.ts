/**
 * A network of a program's own, whose sockets hold little. The system lets each connection to this
 * machine keep megabytes that are not read; thousands of them use up what all of them may have
 * together, and then measure the system instead of the program.
 */

/** The words that stand before a program's own. Null: this machine, or who asks, may not make networks. */
export function narrowNetwork(): readonly string[] | null {
  const words = ["unshare", "--net", "sh", "-c", `${SET_UP} && exec "$@"`, "sh"];
  if (process.platform !== "linux" || Bun.which("unshare") === null) return null;
  return Bun.spawnSync([...words, "true"]).exitCode === 0 ? words : null;
}

/** Least, initial and most bytes of a socket. */
const SIZES = "4096 32768 65536";

const SET_UP = [
  "ip link set lo up",
  `echo '${SIZES}' > /proc/sys/net/ipv4/tcp_wmem`,
  `echo '${SIZES}' > /proc/sys/net/ipv4/tcp_rmem`,
].join(" && ");
