import { expect, test } from "bun:test";
import { claudeHeaders } from "./rate_limits.ts";

const now = Date.parse("2026-11-23T10:00:00Z");
const limits = (unit: string, limit: string, remaining: string, reset: string) => ({
  [`anthropic-ratelimit-${unit}-limit`]: limit,
  [`anthropic-ratelimit-${unit}-remaining`]: remaining,
  [`anthropic-ratelimit-${unit}-reset`]: reset,
});

test("limits are relayed under OpenAI's names too, with the reset as a duration", () => {
  const own = {
    ...limits("requests", "50", "49", "2026-11-23T10:00:01Z"),
    ...limits("tokens", "1000", "0", "2026-11-23T10:06:00Z"),
  };
  expect(claudeHeaders(new Headers({ ...own, "request-id": "req_1", server: "x" }), now)).toEqual({
    ...own,
    "x-ratelimit-limit-requests": "50",
    "x-ratelimit-remaining-requests": "49",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-limit-tokens": "1000",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "6m0s",
    "request-id": "req_1",
  });
});

test("if only input tokens are limited, they become the token limit", () => {
  const own = limits("input-tokens", "8", "7", "2026-11-23T09:00:00Z");
  expect(claudeHeaders(new Headers(own), now)).toEqual({
    ...own,
    "x-ratelimit-limit-tokens": "8",
    "x-ratelimit-remaining-tokens": "7",
    "x-ratelimit-reset-tokens": "0s",
  });
});

test("without limits no header is added, and a proxy's headers with OpenAI's names win", () => {
  expect(claudeHeaders(new Headers(), now)).toEqual({});
  const both = { ...limits("requests", "50", "49", "soon"), "x-ratelimit-limit-requests": "5" };
  expect(claudeHeaders(new Headers(both), now)["x-ratelimit-limit-requests"]).toBe("5");
  expect(claudeHeaders(new Headers(both), now)).not.toHaveProperty("x-ratelimit-reset-requests");
});
