/** Requests to the sign-in provider: what a slow, huge or endless answer costs. */

import { expect, test } from "bun:test";
import { Budgets } from "../../base/budgets.ts";
import {
  BoundedFetch,
  type Fetch,
  MAX_PROVIDER_REQUESTS,
  ProviderUnreachable,
} from "./bounded_fetch.ts";

const budget = () => new Budgets().add("provider_requests", { limit: MAX_PROVIDER_REQUESTS });

const bounded = (fetch: Fetch, timeoutMs = 60_000) =>
  new BoundedFetch({ fetch, budget: budget(), timeoutMs });

/** Never answers, until it is aborted. */
const silent: Fetch = (_, { signal }) =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

/** Answers at once with a body that never ends; notes when it is no longer read. */
function endless(bytesAtATime: number) {
  const state = { sent: 0, isCancelled: false };
  const fetch: Fetch = () =>
    Promise.resolve(
      new Response(
        new ReadableStream({
          pull(sink): Promise<void> {
            state.sent += bytesAtATime;
            if (bytesAtATime === 0) return new Promise(() => {});
            sink.enqueue(new Uint8Array(bytesAtATime));
            return Promise.resolve();
          },
          cancel: () => void (state.isCancelled = true),
        }),
      ),
    );
  return { fetch, state };
}

test("an answer is whole, and its headers say nothing of how it was packed", async () => {
  const headers = { "content-encoding": "gzip", "content-type": "application/json" };
  const { fetch } = bounded(() => Promise.resolve(new Response('{"a":1}', { headers })));
  const answer = await fetch("https://id.example.org", {});
  expect(answer.headers.has("content-encoding")).toBe(false);
  expect(await answer.json()).toEqual({ a: 1 });
});

test("a provider that does not answer, or stops within its answer, is given up", async () => {
  for (const fetch of [silent, endless(0).fetch]) {
    await expect(bounded(fetch, 5).fetch("https://id.example.org", {}))
      .rejects.toThrow("no answer within");
  }
});

test("an answer without an end is read no further than its bound", async () => {
  const { fetch, state } = endless(65_536);
  await expect(bounded(fetch).fetch("https://id.example.org", {})).rejects.toThrow("256 KiB");
  expect(state.isCancelled).toBe(true);
  expect(state.sent).toBeLessThan(1024 * 1024);
});

test("redirects are not followed: secrets would go along", async () => {
  const sent: RequestInit[] = [];
  const { fetch } = bounded((_, init) => {
    sent.push(init);
    return Promise.resolve(new Response(null, { status: 302 }));
  });
  expect((await fetch("https://id.example.org", { redirect: "follow" })).status).toBe(302);
  expect(sent).toMatchObject([{ redirect: "manual" }]);
});

test("so many requests are under way at a time, and a slow provider takes no further ones", async () => {
  const counted = budget();
  const requests = new BoundedFetch({ fetch: silent, budget: counted, timeoutMs: 20 });
  const waiting = Array.from(
    { length: MAX_PROVIDER_REQUESTS },
    () => requests.fetch("https://id.example.org", {}).catch((error) => error),
  );
  await expect(requests.fetch("https://id.example.org", {}))
    .rejects.toBeInstanceOf(ProviderUnreachable);
  expect([requests.running, counted.refusals]).toEqual([MAX_PROVIDER_REQUESTS, 1]);
  await Promise.all(waiting);
  expect(requests.running).toBe(0);
});

test("an error of the provider's server says nothing about a person", async () => {
  for (const status of [429, 500, 503]) {
    const { fetch } = bounded(() => Promise.resolve(new Response("{}", { status })));
    await expect(fetch("https://id.example.org", {})).rejects.toThrow(`status ${status}`);
  }
});

test("an answer that is nested too deeply is not parsed", async () => {
  const of = (text: string) =>
    bounded(() => Promise.resolve(new Response(text))).fetch("https://id.example.org", {});
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect((await of(nested(32))).status).toBe(200);
  await expect(of(nested(33))).rejects.toThrow("nested too deeply");
  // Brackets in texts, also behind an escaped quote, are none.
  const answer = await of(JSON.stringify({ a: `"${nested(100)}\\` }));
  expect(await answer.json()).toEqual({ a: expect.stringContaining("[[[") });
});
