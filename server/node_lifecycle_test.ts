/** What is written down of nodes that connect, report and leave. */

import { expect, test } from "bun:test";
import type { NodeRegister } from "./account/node_register.ts";
import type { Node } from "./node/node.ts";
import { nodeObserverOf } from "./node_lifecycle.ts";

test("a node beyond its account's number leaves no rows of what it gave", () => {
  const reported: string[] = [];
  const register = { isRemembered: (id: string) => id === "known" } as unknown as NodeRegister;
  const observer = nodeObserverOf(register, { reported: (id) => void reported.push(id) });
  for (const publicId of ["known", "one too many"]) {
    observer.lent({ who: { publicId } } as Node, { open_s: 60, closed_s: {}, refused: 0 });
  }
  expect(reported).toEqual(["known"]);
});

test("a node that waits for approval is told so when it connects, another is not", () => {
  const notices = (["unapproved", null] as const).map((hold) => {
    const standing = () => ({ hold });
    const register = { seen() {}, addEvent() {}, standing } as unknown as NodeRegister;
    const observer = nodeObserverOf(register, { reported() {} });
    const received: string[] = [];
    observer.connected({
      who: {},
      offer: { models: [] },
      connection: { notify: (text: string) => void received.push(text) },
    } as unknown as Node);
    return received;
  });
  expect(notices).toEqual([[expect.stringContaining("administrator's approval")], []]);
});
