/** Events of calls on their way to console viewers at other gateways. */

import { beforeEach, describe, expect, test } from "bun:test";
import type { PeerMessage } from "./peer_message.ts";
import { RemoteViewers } from "./remote_viewers.ts";

let sent: { peer: string; message: PeerMessage }[];
let viewers: RemoteViewers;

beforeEach(() => {
  sent = [];
  const send = (peer: string, message: PeerMessage) => void sent.push({ peer, message });
  viewers = new RemoteViewers({ send, broadcast: (message) => send("all", message) });
});

function watched(peer: string, accounts: string[], isWatched = true): void {
  viewers.receive(peer, { is: "watch", accounts, isWatched });
}

describe("viewers here", () => {
  test("are announced when the first comes and the last goes, and not in between", () => {
    viewers.watch("alice", true);
    viewers.watch("alice", true);
    viewers.watch("alice", false);
    viewers.watch("alice", false);
    expect(sent).toEqual([
      { peer: "all", message: { is: "watch", accounts: ["alice"], isWatched: true } },
      { peer: "all", message: { is: "watch", accounts: ["alice"], isWatched: false } },
    ]);
  });

  test("are announced to a new peer, but not those who have gone", () => {
    for (const account of ["alice", "bob", "carol"]) viewers.watch(account, true);
    viewers.watch("bob", false);
    sent.length = 0;
    viewers.peerLinked("gw-1");
    expect(sent).toEqual([
      { peer: "gw-1", message: { is: "watch", accounts: ["alice", "carol"], isWatched: true } },
    ]);
  });

  test("are announced in several messages where they are many, and in none where there are none", () => {
    viewers.peerLinked("gw-1");
    expect(sent).toEqual([]);
    for (let i = 0; i < 1_001; i++) viewers.watch(`a${i}`, true);
    sent.length = 0;
    viewers.peerLinked("gw-1");
    const sizes = sent.map(({ message }) => (message as { accounts: string[] }).accounts.length);
    expect(sizes).toEqual([1_000, 1]);
  });

  test("get the events of their accounts from other gateways", () => {
    const events: string[][] = [];
    viewers.onEvent.subscribe((...event) => void events.push(event));
    viewers.receive("gw-1", { is: "live", account: "alice", name: "call", data: "{}" });
    expect(events).toEqual([["alice", "call", "{}"]]);
    expect(viewers.isWatched("alice")).toBe(false);
  });
});

describe("viewers at other gateways", () => {
  test("get the events of the accounts that they look at, and no others", () => {
    watched("gw-1", ["alice"]);
    watched("gw-2", ["alice", "bob"]);
    watched("gw-3", ["carol"]);
    viewers.tell("alice", "call", "{}");
    const live = { is: "live", account: "alice", name: "call", data: "{}" } as const;
    expect(sent).toEqual([{ peer: "gw-1", message: live }, { peer: "gw-2", message: live }]);
    expect(["alice", "bob", "dave"].map((account) => viewers.isWatched(account)))
      .toEqual([true, true, false]);
  });

  test("get no events after they have gone, or their gateway is lost", () => {
    watched("gw-1", ["alice"]);
    watched("gw-2", ["alice"]);
    watched("gw-1", ["alice"], false);
    viewers.tell("alice", "call", "{}");
    expect(sent.map(({ peer }) => peer)).toEqual(["gw-2"]);
    viewers.peerLost("gw-2");
    viewers.tell("alice", "call", "{}");
    expect(sent).toHaveLength(1);
    expect(viewers.isWatched("alice")).toBe(false);
  });

  test("are remembered for 5,000 accounts of one gateway", () => {
    const accounts = Array.from({ length: 5_001 }, (_, i) => `a${i}`);
    watched("gw-1", accounts);
    expect([viewers.isWatched("a4999"), viewers.isWatched("a5000")]).toEqual([true, false]);
    watched("gw-1", ["a0"], false);
    watched("gw-1", ["a5000"]);
    watched("gw-2", ["a9999"]);
    expect(["a0", "a5000", "a9999"].map((account) => viewers.isWatched(account)))
      .toEqual([false, true, true]);
  });
});
