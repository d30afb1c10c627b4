/** What the doctor says about a node's approval, by pages of the gateway's public list. */

import { expect, test } from "bun:test";
import { approvalAt } from "./doctor.ts";

type Listed = [name: string, state: string];

/** A gateway that lists the nodes in two pages. */
function gatewayWith(first: Listed[], second: Listed[]) {
  const viewsOf = (nodes: Listed[]) => nodes.map(([name, state]) => ({ name, state }));
  const pages: Record<string, unknown> = {
    "/api/nodes?after=": { nodes: viewsOf(first), next: "id/1" },
    "/api/nodes?after=id%2F1": { nodes: viewsOf(second), next: null },
  };
  return { ask: <T>(_method: string, path: string) => Promise.resolve(pages[path] as T) };
}

const cases: [what: string, first: Listed[], second: Listed[], state: string, text: string][] = [
  [
    "a node that waits is warned of, though others of the gateway get calls",
    [["attic", "ready"]],
    [["studio", "unapproved"]],
    "warning",
    "the node waits for an administrator's approval",
  ],
  [
    "a node that gets calls is found on whichever page of the list",
    [["attic", "unapproved"]],
    [["studio", "busy"]],
    "ok",
    "the node gets calls",
  ],
  [
    "of two nodes of the same name one that gets calls is enough",
    [["studio", "unapproved"]],
    [["studio", "ready"]],
    "ok",
    "the node gets calls",
  ],
  [
    "a node that the public list leaves out is not judged",
    [["attic", "ready"]],
    [],
    "skipped",
    "the public list of nodes does not have it",
  ],
];
for (const [what, first, second, state, text] of cases) {
  test(what, async () => {
    expect(await approvalAt(gatewayWith(first, second), "studio")).toMatchObject({ state, text });
  });
}
