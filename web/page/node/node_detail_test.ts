import { expect, test } from "bun:test";
import { h, type VNode } from "preact";
import { LocationProvider, Route, Router } from "preact-iso/router";
import { renderToString } from "preact-render-to-string";
import { installBrowser } from "../../testing/browser.ts";

const { location } = installBrowser();
const { NodeDetail } = await import("./NodeDetail.tsx");

test("each node has a page of its own, on which nothing of another node's stays", () => {
  const keys = ["node_a", "node_b"].map((id) => {
    Object.assign(location, { pathname: `/nodes/${id}`, search: "" });
    let key: unknown;
    const Page = () => {
      const { children } = NodeDetail().props as { children: () => VNode };
      key = children().key;
      return null;
    };
    const page = h(Route, { path: "/nodes/:id", component: Page });
    renderToString(h(LocationProvider, null, h(Router, null, page)));
    return key;
  });
  expect(keys).toEqual(["node_a", "node_b"]);
});
