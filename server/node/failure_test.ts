import { expect, test } from "bun:test";
import { errorKinds } from "../base/error.ts";
import { blame, type Evidence } from "./blame.ts";
import { Failure } from "./failure.ts";

test("an error says to try again where its code's row says that this helps, and only there", () => {
  for (const evidence of Object.keys(blame) as Evidence[]) {
    const { code, message } = new Failure(evidence).error;
    const { retry } = errorKinds[code];
    const helps = retry === "later" || retry === "elsewhere";
    expect([evidence, message.endsWith("; try again")]).toEqual([evidence, helps]);
  }
});
