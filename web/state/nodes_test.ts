import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { FakeEventSource, installBrowser } from "../testing/browser.ts";
import { failure, fakeGateway, json } from "../testing/gateway.ts";
import { mount, type Mounted, settle } from "../testing/hook.ts";
import { aNode } from "../testing/node.ts";
import { aUser } from "../testing/user.ts";

installBrowser();
const gateway = fakeGateway();
const { useNodes } = await import("./nodes.ts");
const { session } = await import("./session.ts");

const opened = FakeEventSource.opened;
let page: Mounted<ReturnType<typeof useNodes>>;

beforeEach(() => {
  jest.useFakeTimers();
  opened.splice(0);
  gateway.requests.splice(0);
  gateway.answers = {};
});
afterEach(async () => {
  await page.unmount();
  jest.runAllTimers();
  jest.useRealTimers();
  session.value = { state: "unknown" };
});

const gone = { at: 5, code: "lost", close_code: 1006 } as const;
const studio = aNode({ id: "studio", name: "studio" });
const garage = aNode({ id: "garage", name: "garage" });
const never = () => new Promise<Response>(() => {});
const send = (name: string, data: unknown) => settle(() => opened.at(-1)?.send(name, data));
const shown = () => page.current.value;

/** Opens the page with a feed, and two nodes connected. */
async function openFed() {
  session.value = { state: "in", user: aUser() };
  gateway.answers["GET /api/nodes"] = json({ nodes: [studio, garage] });
  page = await mount(useNodes);
  opened.at(-1)?.accept();
  await settle();
}

test("nothing is known until the first answer, and an unreachable gateway says so", async () => {
  page = await mount(useNodes);
  expect(shown()).toMatchObject({ connected: null, gone: [], error: { code: "unreachable" } });
});

test("a visitor's page polls every two seconds, a user's every minute beside the feed", async () => {
  gateway.answers["GET /api/nodes"] = json({ nodes: [studio] });
  page = await mount(useNodes);
  expect(shown()).toEqual({ connected: [studio], gone: [], error: null });
  await settle(() => jest.advanceTimersByTime(2_000));
  expect(gateway.requests).toHaveLength(2);
  await page.unmount();
  gateway.requests.splice(0);
  await openFed();
  // It may have been asked for once before the feed was there.
  const asked = gateway.requests.length;
  await settle(() => jest.advanceTimersByTime(59_999));
  expect(gateway.requests).toHaveLength(asked);
  await settle(() => jest.advanceTimersByTime(1));
  expect(gateway.requests).toHaveLength(asked + 1);
});

test("a failed poll keeps the last nodes, with the error beside them until the next answer", async () => {
  gateway.answers["GET /api/nodes"] = json({ nodes: [studio] });
  page = await mount(useNodes);
  gateway.answers["GET /api/nodes"] = failure(503, "store_unavailable");
  await settle(() => jest.advanceTimersByTime(2_000));
  expect(shown()).toMatchObject({ connected: [studio], error: { code: "store_unavailable" } });
  gateway.answers["GET /api/nodes"] = json({ nodes: [garage] });
  await settle(() => jest.advanceTimersByTime(2_000));
  expect(shown()).toEqual({ connected: [garage], gone: [], error: null });
});

test("a node that the feed reports is added, or replaces its earlier state", async () => {
  await openFed();
  const attic = aNode({ id: "attic" });
  await send("node", attic);
  expect(shown().connected).toEqual([studio, garage, attic]);
  const busy = { ...studio, active_tasks: 2 };
  await send("node", busy);
  expect(shown().connected).toEqual([garage, attic, busy]);
});

test("a first node that the feed reports is shown before any answer", async () => {
  session.value = { state: "in", user: aUser() };
  gateway.answers["GET /api/nodes"] = never;
  page = await mount(useNodes);
  expect(shown().connected).toBeNull();
  await send("node", studio);
  expect(shown()).toEqual({ connected: [studio], gone: [], error: null });
});

test("a node that disconnects is listed with the reason, once, until it reconnects", async () => {
  await openFed();
  await send("node_gone", { id: "studio", name: "studio", gone });
  expect(shown()).toEqual({ connected: [garage], gone: [{ last: studio, gone }], error: null });
  await send("node", studio);
  expect(shown()).toEqual({ connected: [garage, studio], gone: [], error: null });
  await send("node_gone", { id: "studio", name: "studio", gone });
  await send("node_gone", { id: "garage", name: "garage", gone });
  expect(shown().gone.map(({ last }) => last.id)).toEqual(["studio", "garage"]);
  await send("node", garage);
  expect(shown().gone.map(({ last }) => last.id)).toEqual(["studio"]);
});

test("the disconnect of an unknown node changes nothing", async () => {
  await openFed();
  await send("node_gone", { id: "studio", name: "studio", gone });
  await send("node_gone", { id: "stranger", name: "stranger", gone });
  await send("node_gone", { id: "studio", name: "studio", gone: { ...gone, at: 9 } });
  expect(shown().gone).toEqual([{ last: studio, gone }]);
});

test("before the first answer, disconnects and loads change nothing", async () => {
  session.value = { state: "in", user: aUser() };
  gateway.answers["GET /api/nodes"] = never;
  page = await mount(useNodes);
  await send("node_gone", { id: "studio", name: "studio", gone });
  expect(shown()).toEqual({ connected: null, gone: [], error: null });
  await send("load", { studio: 1 });
  expect(shown().connected).toBeNull();
});

test("a snapshot replaces all nodes, and removes its nodes from the disconnected ones", async () => {
  await openFed();
  await send("node_gone", { id: "studio", name: "studio", gone });
  await send("node_gone", { id: "garage", name: "garage", gone });
  await send("snapshot", { now: 1, network: {}, nodes: [garage] });
  expect(shown()).toEqual({ connected: [garage], gone: [{ last: studio, gone }], error: null });
  await send("snapshot", { now: 2, network: {} });
  expect(shown().connected).toEqual([garage]);
});

test("a load event updates the nodes that it names, and no others", async () => {
  await openFed();
  await send("load", { studio: 2 });
  expect(shown().connected).toEqual([{ ...studio, active_tasks: 2 }, garage]);
  await send("load", { studio: 0, stranger: 1 });
  expect(shown().connected).toEqual([{ ...studio, active_tasks: 0 }, garage]);
});
