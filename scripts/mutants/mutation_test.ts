import { describe, expect, test } from "bun:test";
import { mutationsOf } from "./mutation.ts";

function changed(source: string): string[] {
  return mutationsOf(source).map(({ apply }) => apply(source));
}

describe("the changes of a source", () => {
  test("turn conditions round and move bounds", () => {
    expect(changed("if (a < b) c = 1;")).toEqual([
      "if (!(a < b)) c = 1;",
      "if (a <= b) c = 1;",
      "if (a < b) ;",
    ]);
  });

  test("leave out a call that is made for its effect, but not the call of a parent's constructor", () => {
    expect(changed("class A extends B { constructor() { super(); this.release(); } }")).toEqual([
      "class A extends B { constructor() { super(); ; } }",
    ]);
  });

  test("do not subtract texts", () => {
    expect(changed('const a = "b" + c;')).toEqual([]);
  });

  test("leave types alone", () => {
    expect(changed("interface A { b: true } type C = false;")).toEqual([]);
  });

  test("name their line and what becomes of it", () => {
    const [change] = mutationsOf("\n  x(a && b);").slice(1);
    expect(change).toMatchObject({ line: 2, text: "x(a && b);", what: '"&&" becomes "||"' });
  });
});
