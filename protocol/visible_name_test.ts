import { describe, expect, test } from "bun:test";
import { isVisibleName } from "./visible_name.ts";

describe("a name that others see", () => {
  for (const name of ["Ann's PC", "书房-01", "студия", "größe é", "🦙 llama ❤️", "a  b"]) {
    test(`may be ${name}`, () => expect(isVisibleName(name)).toBe(true));
  }

  const invisible: [what: string, text: string][] = [
    ["nothing", ""],
    ["blanks", " \u00a0\u3000"],
    ["a NUL", "pc\0"],
    ["a line break", "pc\nadmin"],
    ["an escape sequence", "pc\u001b[31m"],
    ["a control character beyond ASCII", "pc\u0085"],
    ["a mark that turns the direction", "pc\u202egnp"],
    ["an isolate of direction", "pc\u2066"],
    ["a zero-width space", "pc\u200b"],
    ["a zero-width joiner", "pc\u200d"],
    ["a byte order mark", "\ufeffpc"],
    ["a soft hyphen", "p\u00adc"],
    ["a tag character", "pc\u{e0041}"],
    ["a lone surrogate", "pc\ud800"],
    ["a private character", "pc\ue000"],
    ["a line separator", "pc\u2028"],
    ["a paragraph separator", "pc\u2029"],
    ["a Hangul filler", "pc\u3164"],
    ["an empty Braille pattern", "pc\u2800"],
  ];
  for (const [what, text] of invisible) {
    test(`is refused with ${what}`, () => expect(isVisibleName(text)).toBe(false));
  }
});
