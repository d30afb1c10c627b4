import { expect, test } from "bun:test";
import { installBrowser } from "../../testing/browser.ts";
import { drawn, textOf } from "../../testing/drawn.ts";
import { aNode } from "../../testing/node.ts";

installBrowser();
const { listed } = await import("./listed.ts");
const { NodeRow } = await import("./NodeRow.tsx");

/** The text of a node's row. */
function row(changes: Parameters<typeof aNode>[0]): string {
  const [node] = listed({ connected: [aNode(changes)], gone: [], error: null }, []);
  return textOf(drawn(NodeRow, { node: node! }));
}

test("a node that waits for approval says that an administrator has to approve it", () => {
  const text = row({ state: "unapproved", mine: true });
  expect(text).toContain("Awaits approval");
  expect(text).toContain("It gets no calls until an administrator approves it.");
});

test("a row shows the node's version, and its machine where the node tells it", () => {
  const agent = "co-link/1.2.0";
  const gpu = { name: "NVIDIA L4", memory_bytes: 24 * 2 ** 30 };
  const machine = { os: "Ubuntu 24.04", arch: "x64", gpus: [gpu, gpu], policy: null };
  expect(row({ agent, machine })).toEndWith("1.2.0 Ubuntu 24.04, x64 2 × NVIDIA L4, 24 GB");
  expect(row({ agent, machine: null })).toEndWith("1.2.0");
});
