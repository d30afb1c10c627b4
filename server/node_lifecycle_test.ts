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

test("a node whose machine is described is written down, which is no event of its timeline", () => {
  const seen: unknown[] = [];
  const events: unknown[] = [];
  const register = {
    seen: ({ machine }: { machine: unknown }) => void seen.push(machine),
    addEvent: (_: string, event: unknown) => void events.push(event),
  } as unknown as NodeRegister;
  const observer = nodeObserverOf(register, { reported() {} });
  const offer = { name: "n", agent: null, maxParallel: 1, models: ["m"] };
  const before = { offer, pause: null, isDraining: false };
  const machine = { os: "macOS 15.1", arch: "arm64", gpus: [], policy: null };
  const node = { who: {}, ...before, offer: { ...offer, machine } } as unknown as Node;
  observer.changed(node, before);
  expect([seen, events]).toEqual([[machine], []]);
  observer.changed({ ...node, offer: { ...offer, maxParallel: 2 } } as unknown as Node, before);
  expect(events).toHaveLength(1);
});

test("a node that pauses and serves again is written down with its reason, not as another offer", () => {
  const events: unknown[] = [];
  const register = {
    seen() {},
    addEvent: (_: string, event: unknown) => void events.push(event),
  } as unknown as NodeRegister;
  const observer = nodeObserverOf(register, { reported() {} });
  const offer = { name: "n", agent: null, maxParallel: 1, models: ["m"] };
  const serving = { who: {}, offer, pause: null, isDraining: false } as unknown as Node;
  const pause = { reason: "the owner uses the machine", until: 7 };
  const paused = { who: {}, offer, pause, isDraining: true } as unknown as Node;
  const longer = { ...paused, pause: { ...pause, until: 9 } } as unknown as Node;
  const leaving = { who: {}, offer, pause: null, isDraining: true } as unknown as Node;
  observer.changed(paused, serving);
  observer.changed(longer, paused);
  observer.changed(serving, longer);
  observer.changed(leaving, serving);
  expect(events).toEqual([
    { kind: "paused", detail: pause.reason, until: 7 },
    { kind: "resumed" },
  ]);
});
