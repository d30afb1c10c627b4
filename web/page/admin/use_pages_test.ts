import { signal } from "@preact/signals";
import { expect, test } from "bun:test";
import type { Following } from "../../../api/mod.ts";
import type { ApiError as Failure } from "../../api.ts";
import { FakeEventSource, installBrowser } from "../../testing/browser.ts";
import { mount, settle } from "../../testing/hook.ts";
import { aUser } from "../../testing/user.ts";

installBrowser();
const { ApiError } = await import("../../api.ts");
const { session } = await import("../../state/session.ts");
const { usePages } = await import("./use_pages.ts");

interface Page {
  items: { id: string }[];
  next: string | null;
  following: Following;
}

/** A list whose requests are answered by the test. */
async function listOf(query: string) {
  const key = signal(query);
  const asked: { cursor: string | undefined; answer: PromiseWithResolvers<Page> }[] = [];
  const list = await mount(() =>
    usePages({
      what: "users",
      key: key.value,
      load: (cursor) => {
        const answer = Promise.withResolvers<Page>();
        asked.push({ cursor, answer });
        return answer.promise;
      },
    })
  );
  const answer = (
    ids: string,
    next: string | null,
    request = asked.at(-1)!,
    following: Following = null,
  ) =>
    settle(() => {
      const items = [...ids].map((id) => ({ id }));
      request.answer.resolve({ items, next, following });
    });
  return {
    list,
    asked,
    answer,
    fail: () => settle(() => asked.at(-1)!.answer.reject(failure())),
    change: (query: string) => settle(() => key.value = query),
    shown: () => list.current.items?.map(({ id }) => id).join(""),
  };
}

const failure = (): Failure => new ApiError(503, "store_unavailable", "Not now");

test("another query offers no more of the list before it", async () => {
  const { list, answer, change, shown } = await listOf("by name");
  await answer("ab", "after b");
  expect([shown(), list.current.hasMore]).toEqual(["ab", true]);
  await change("by date");
  expect(list.current.hasMore).toBe(false);
  await answer("xy", "after y");
  expect([shown(), list.current.hasMore]).toEqual(["xy", true]);
  await list.unmount();
});

test("the request that failed is the one that is repeated", async () => {
  const { list, asked, answer, fail, change, shown } = await listOf("by name");
  await answer("ab", "after b");
  await settle(() => list.current.more());
  await fail();
  await settle(() => list.current.retry());
  await answer("cd", null);
  expect([shown(), list.current.error]).toEqual(["abcd", null]);
  await change("by date");
  await fail();
  await settle(() => list.current.retry());
  await answer("xy", null);
  expect([shown(), list.current.error]).toEqual(["xy", null]);
  expect(asked.map(({ cursor }) => cursor))
    .toEqual([undefined, "after b", "after b", undefined, undefined]);
  await list.unmount();
});

test("a change while the first page is loaded takes no later page away", async () => {
  session.value = { state: "in", user: aUser() };
  const { list, asked, answer, shown } = await listOf("by name");
  await settle(() => FakeEventSource.opened.at(-1)?.accept());
  await settle(() => FakeEventSource.opened.at(-1)?.send("changed", { what: ["users"] }));
  await answer("ab", "after b", asked[1]);
  await settle(() => list.current.more());
  await answer("cd", null);
  await answer("ab", "after b", asked[0]);
  expect([shown(), list.current.hasMore]).toEqual(["abcd", false]);
  await list.unmount();
  session.value = { state: "unknown" };
});

test("how much follows is that of the page loaded last, also when the beginning is loaded again", async () => {
  const { list, answer, asked, change, shown } = await listOf("by name");
  await answer("ab", "after b", undefined, { count: 3, exact: true });
  expect(list.current.following).toEqual({ count: 3, exact: true });
  list.current.more();
  await answer("cd", "after d", undefined, { count: 1, exact: true });
  await settle(() => FakeEventSource.opened.at(-1)!.send("changed", { what: "users" }));
  await answer("xab", "after b", asked.at(-1), { count: 3, exact: true });
  expect([shown(), list.current.following?.count]).toEqual(["xabcd", 1]);
  await change("by date");
  expect(list.current.following).toBeNull();
  await list.unmount();
});
