/// <reference types="bun" />
import { expect, test } from "bun:test";
import { loginPath, nextPath } from "./route.ts";

test("the login page leads back to the previous page, including its query", () => {
  const url = new URL(loginPath("/dashboard?range=1d&key=a"), "http://a");
  expect(nextPath(url.searchParams.get("next") ?? undefined)).toBe("/dashboard?range=1d&key=a");
});

test("signing in never leads to another site", () => {
  const others = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
  ];
  for (const next of [...others, "", undefined]) expect(nextPath(next)).toBe("/");
});
