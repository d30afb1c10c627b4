/** What the console API's own pattern of visible text accepts, beside the wire's. */

import { expect, test } from "bun:test";
import { label } from "../../../api/fields.ts";
import { isVisibleName } from "../../../protocol/mod.ts";

test("labels take the characters that names of nodes may have, and no others", () => {
  const schema = label(80);
  for (let code = 0; code < 0x10000; code++) {
    const text = `a${String.fromCharCode(code)}b`;
    if (schema.safeParse(text).success !== isVisibleName(text)) {
      expect.unreachable(`they differ in U+${code.toString(16)}`);
    }
  }
  expect(schema.safeParse("pc\u{e0041}").success).toBe(false);
});
