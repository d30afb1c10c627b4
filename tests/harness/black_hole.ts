/** A network of a program's own, in which the first address of some names swallows every packet. */

const BLACK_HOLE_ADDRESS = "fd00:1::99";
/** Where what runs there listens. */
export const HERE_ADDRESS = "10.9.0.1";

const HOSTS = [
  "127.0.0.1 localhost",
  `${BLACK_HOLE_ADDRESS} server.test hole.test`,
  `${HERE_ADDRESS} server.test closed.test`,
  "10.8.0.1 elsewhere.test",
  "10.9.0.77 off.test",
].join("\\n");

/** The other end of the wire takes what is sent to the neighbour that is named, and drops it. */
const SET_UP = [
  "ip link set lo up",
  "ip link add here type veth peer name there",
  "ip link set here up",
  "ip link set there up",
  "ip -6 addr add fd00:1::1/64 dev here nodad",
  `ip addr add ${HERE_ADDRESS}/24 dev here`,
  `ip -6 neigh add ${BLACK_HOLE_ADDRESS} lladdr 02:00:00:00:00:99 dev here nud permanent`,
  `hosts=$(mktemp) && printf '${HOSTS}\\n' > "$hosts" && mount --bind "$hosts" /etc/hosts && rm "$hosts"`,
].join(" && ");

/** The words that stand before a program's own. Null: this machine, or who asks, may not make networks. */
export function blackHoleNetwork(): readonly string[] | null {
  const words = ["unshare", "--net", "--mount", "sh", "-c", `${SET_UP} && exec "$@"`, "sh"];
  if (process.platform !== "linux" || Bun.which("unshare") === null) return null;
  return Bun.spawnSync([...words, "true"]).exitCode === 0 ? words : null;
}
