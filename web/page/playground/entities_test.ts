import { expect, test } from "bun:test";
import { decoded } from "./entities.ts";

test("character references are decoded once and not twice", () => {
  expect(decoded("&lt;b&gt; &amp;lt; &#65;&#x42; &nbsp;|")).toBe("<b> &lt; AB \u00a0|");
});

test("text that is no character reference stays unchanged", () => {
  expect(decoded("a & b; &unheard; &#0; &#x110000;")).toBe("a & b; &unheard; &#0; &#x110000;");
});
