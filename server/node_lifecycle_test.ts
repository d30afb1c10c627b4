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
