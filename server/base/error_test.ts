import { expect, test } from "bun:test";
import { Glob } from "bun";
import { readFileSync } from "node:fs";
import { at } from "../../scripts/root.ts";
import { asColinkError, ColinkError, type ErrorCode, errorKinds } from "./error.ts";

test("the type of an error follows from its status, as in OpenAI's API", () => {
  const types: [code: ErrorCode, type: string][] = [
    ["invalid_json", "invalid_request_error"],
    ["caller_gone", "invalid_request_error"],
    ["rate_limit_exceeded", "requests"],
    ["upstream_rate_limited", "requests"],
    ["internal_error", "server_error"],
  ];
  for (const [code, type] of types) expect([code, errorKinds[code].type]).toEqual([code, type]);
});

test("an error has its code's kind, and the details that it was given", () => {
  const cause = new Error("why");
  const error = new ColinkError("queue_full", "Full", { param: "model", retryAfterMs: 5, cause });
  expect(error).toMatchObject({
    code: "queue_full",
    kind: errorKinds.queue_full,
    param: "model",
    retryAfterMs: 5,
    cause,
  });
  expect(new ColinkError("queue_full", "Full")).toMatchObject({ param: null, retryAfterMs: null });
});

test("a refused form names its problem for programs, too", () => {
  const problem = { code: "alias_loop" as const, names: ["a", "a"] };
  const error = new ColinkError("invalid_request", "Cannot", { param: "targets", problem });
  expect(error.fields).toEqual([{ param: "targets", message: "Cannot", ...problem }]);
  expect(new ColinkError("invalid_request", "Cannot").fields).toBeNull();
});

test("every refusal of a console's form has a code, from which the console makes its reader's words", () => {
  const files = ["account", "store", "http/console", "base"]
    .flatMap((room) => [...new Glob(`server/${room}/**/*.ts`).scanSync(at("."))])
    .filter((file) => !file.endsWith("_test.ts"));
  expect(files.length).toBeGreaterThan(100);
  const unnamed = files.flatMap((file) => {
    const source = readFileSync(at(file), "utf8");
    return source.split(/new ColinkError\(\s*"invalid_request"/).slice(1)
      .map((rest) => rest.slice(0, rest.indexOf(");\n")))
      .filter((made) => !/\bproblem\b/.test(made.replaceAll(/`[^`]*`/g, "")))
      .map((made) => `${file}: ${made.trim()}`);
  });
  expect(unnamed).toEqual([]);
});

test("an unexpected error becomes the cause of an internal one; the gateway's own stay as they are", () => {
  const known = new ColinkError("not_found", "None");
  expect(asColinkError(known)).toBe(known);
  const unexpected = new Error("broken");
  expect(asColinkError(unexpected)).toMatchObject({ code: "internal_error", cause: unexpected });
});
