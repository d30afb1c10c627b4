/// <reference types="bun" />
import { expect, test } from "bun:test";
import { loginPath, nextPath } from "./route.ts";

test("the login page leads back to where the reader was, query and all", () => {
  const url = new URL(loginPath("/dashboard?range=1d&key=a"), "http://a");
  expect(nextPath(url.searchParams.get("next") ?? undefined)).toBe("/dashboard?range=1d&key=a");
});

test("nobody is led to another site after signing in", () => {
  const others = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
  ];
  for (const next of [...others, "", undefined]) expect(nextPath(next)).toBe("/dashboard");
});
