/** A network of a node's own, in which its machine's address changes, as when a laptop changes its Wi-Fi. */

import { endAfterTests } from "../../tests/harness/cleanup.ts";

export interface MovingNetwork {
  /** This machine's address there, to which programs connect from the address that changes. */
  readonly host: string;
  /** Another one of it, to which they connect from an address that stays. */
  readonly steadyHost: string;
  /** The words that start a program there. */
  readonly launcher: readonly string[];
  /** Takes the address that the programs have there, and gives another one: what they have open can send nothing any more. */
  move(): void;
}

/** Null: this machine, or who asks, may not make networks. */
export function movingNetwork(): MovingNetwork | null {
  const name = `colink${process.pid}`;
  const near = `cl${process.pid}`;
  const [subnet, steady] = [`10.213.${process.pid % 250}`, `10.214.${process.pid % 250}`];
  const [host, steadyHost] = [`${subnet}.1`, `${steady}.1`];
  const inside = ["ip", "netns", "exec", name];
  let last = 2;
  const isMade = succeeds("ip", "netns", "add", name) &&
    succeeds("ip", "link", "add", near, "type", "veth", "peer", "name", "node", "netns", name) &&
    succeeds("ip", "addr", "add", `${host}/24`, "dev", near) &&
    succeeds("ip", "addr", "add", `${steadyHost}/24`, "dev", near) &&
    succeeds("ip", "link", "set", near, "up") &&
    succeeds(...inside, "ip", "link", "set", "lo", "up") &&
    succeeds(...inside, "ip", "addr", "add", `${subnet}.${last}/24`, "dev", "node") &&
    succeeds(...inside, "ip", "addr", "add", `${steady}.2/24`, "dev", "node") &&
    succeeds(...inside, "ip", "link", "set", "node", "up");
  // Takes the pair of interfaces with it.
  const remove = () => void succeeds("ip", "netns", "del", name);
  if (!isMade) {
    remove();
    return null;
  }
  endAfterTests(remove);
  return {
    host,
    steadyHost,
    launcher: inside,
    move() {
      const before = last;
      last = last === 200 ? 2 : last + 1;
      // In this order: with its first address a network's later ones go, too.
      succeeds(...inside, "ip", "addr", "del", `${subnet}.${before}/24`, "dev", "node");
      succeeds(...inside, "ip", "addr", "add", `${subnet}.${last}/24`, "dev", "node");
    },
  };
}

function succeeds(...words: string[]): boolean {
  return Bun.which(words[0]!) !== null && Bun.spawnSync(words).exitCode === 0;
}
