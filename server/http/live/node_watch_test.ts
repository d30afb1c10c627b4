import { beforeEach, expect, test } from "bun:test";
import { FakeClock } from "../../base/testing/fake_clock.ts";
import { Hub } from "../../node/hub.ts";
import { Node, type NodeStanding } from "../../node/node.ts";
import { PenaltyBook } from "../../node/penalty.ts";
import { NodeWatch } from "./node_watch.ts";

let hub: Hub;
let penalties: PenaltyBook;
let watch: NodeWatch;
let node: Node;
let standing: NodeStanding;

beforeEach(() => {
  standing = { label: null, hold: null };
  hub = new Hub({ standingOf: () => standing });
  penalties = new PenaltyBook(new FakeClock(), { penaltyMs: 60_000, penaltyMaxMs: 600_000 });
  watch = new NodeWatch(hub, penalties);
  node = join("n");
  watch.look();
});

function join(name: string): Node {
  const who = { publicId: name, nodeKey: `key/${name}`, accountId: "owner", keyId: "key" };
  const offer = { name, agent: null, maxParallel: 2, models: ["m"] };
  const joined = new Node(who, offer, { start: () => null, close() {} }, 0);
  hub.add(joined);
  return joined;
}

function decide(next: NodeStanding): void {
  standing = next;
  hub.review(node);
}

test("a node in which nothing changed is not reported", () => {
  expect(watch.look()).toEqual({ changed: [], gone: [], narrowed: [], loads: [] });
});

test("a change of its running calls alone is a number", () => {
  hub.load(node, 1);
  expect(watch.look()).toMatchObject({ changed: [], gone: [], loads: [[{}, { n: 1 }]] });
  expect(watch.look().loads).toEqual([]);
});

const changes: [what: string, change: () => void][] = [
  ["hold", () => decide({ label: null, hold: "paused" })],
  ["label", () => decide({ label: "mine", hold: null })],
  ["draining", () => hub.update(node, node.offer, true)],
  ["offer", () => hub.update(node, { ...node.offer })],
  ["penalties", () => {
    penalties.penalize("key/n", { model: null, code: "node_lost", reason: "it was lost" });
  }],
];
for (const [what, change] of changes) {
  test(`a change of its ${what} reports the whole node, once`, () => {
    change();
    hub.load(node, 2);
    expect(watch.look()).toMatchObject({ changed: [node], gone: [], loads: [] });
    expect(watch.look().changed).toEqual([]);
  });
}

test("a node of whose models one is hidden, or listed again, is reported whole, and no other node", () => {
  let revision = 1;
  let listed = "";
  const listing = {
    isListed: () => listed === "",
    listingOf: (model: string) => model === node.offer.models[0] ? listed : "",
    get revision() {
      return revision;
    },
  };
  const other = join("other");
  hub.update(other, { ...other.offer, models: ["another"] });
  watch = new NodeWatch(hub, penalties, listing);
  watch.look();
  for (const next of ["hidden", "g1", "g1,g2", ""]) {
    // A change of an alias makes a revision, too.
    revision++;
    expect(watch.look().changed).toEqual([]);
    listed = next;
    revision++;
    expect(watch.look().changed).toEqual([node]);
    expect(watch.look().changed).toEqual([]);
  }
});

test("a node is reported where one of its models is hidden as another one is listed again", () => {
  const hidden = { model: "a", revision: 1 };
  hub.update(node, { ...node.offer, models: ["a", "b"] });
  watch = new NodeWatch(hub, penalties, {
    isListed: (model) => model !== hidden.model,
    listingOf: (model) => model === hidden.model ? "hidden" : "",
    get revision() {
      return hidden.revision;
    },
  });
  watch.look();
  Object.assign(hidden, { model: "b", revision: 2 });
  expect(watch.look().changed).toEqual([node]);
});

test("a node that joins, or connects again, is reported whole", () => {
  const other = join("other");
  expect(watch.look().changed).toEqual([other]);
  hub.remove(node);
  node = join("n");
  expect(watch.look()).toMatchObject({ changed: [node], gone: [] });
});

test("a node that leaves is reported by its label, else by its own name", () => {
  standing = { label: "renamed", hold: null };
  const other = join("other");
  watch.look();
  hub.remove(node);
  hub.remove(other);
  expect(watch.look().gone)
    .toMatchObject([{ id: "n", name: "n" }, { id: "other", name: "renamed" }]);
  expect(watch.look().gone).toEqual([]);
});

test("a node that is shared with others is reported with whom it was for before, and its load alone", () => {
  const before = node.audience;
  hub.update(node, { ...node.offer, shareWith: "me" });
  const { narrowed, changed } = watch.look();
  expect(narrowed).toMatchObject([{ id: "n", before: { audience: before } }]);
  expect(changed).toEqual([node]);
  const other = join("other");
  watch.look();
  hub.load(node, 1);
  hub.load(other, 1);
  expect(watch.look().loads.map(([, load]) => load)).toEqual([{ n: 1 }, { other: 1 }]);
});
