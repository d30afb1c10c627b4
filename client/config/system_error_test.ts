import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { shownOf } from "../../text/mod.ts";
import { systemError } from "./system_error.ts";
import { phrases } from "../phrases.ts";

const inChinese = shownOf(phrases, { LANG: "zh_CN.UTF-8" });

test("a system's error is said with its code, in English and in Chinese", () => {
  const missing = failureOf(() => readFileSync("/no/such/file"));
  expect(systemError(missing)).toBe("ENOENT, no such file or folder");
  expect(inChinese(`ca_file /no/such/file: ${systemError(missing)}`)).toBe(
    "ca_file /no/such/file: ENOENT, 没有这个文件或目录",
  );
});

test("an error that is not known is quoted", () => {
  expect(systemError(Object.assign(new Error("boom"), { code: "EODD" }))).toBe("EODD");
  expect(systemError(new Error("boom"))).toBe("boom");
  expect(systemError(undefined)).toBe("undefined");
});

function failureOf(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
