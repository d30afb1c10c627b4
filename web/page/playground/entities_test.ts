import { expect, test } from "bun:test";
import { decoded } from "./entities.ts";

test("references are shown as the signs that they stand for, once and not twice", () => {
  expect(decoded("&lt;b&gt; &amp;lt; &#65;&#x42; &nbsp;|")).toBe("<b> &lt; AB \u00a0|");
});

test("what is no reference stays as it is", () => {
  expect(decoded("a & b; &unheard; &#0; &#x110000;")).toBe("a & b; &unheard; &#0; &#x110000;");
});
