/// <reference types="bun" />
import { expect, test } from "bun:test";
import { distinct, isChosen, matches } from "./pick.ts";

const options = [
  { id: "node-aaaa1111", name: "studio" },
  { id: "node-bbbb2222", name: "studio" },
  { id: "node-cccc3333", name: "attic" },
  { id: "node-dddd4444", name: "" },
];

test("options of the same name, or without one, are distinguished by their ids", () => {
  expect(distinct(options).map(({ name }) => name))
    .toEqual(["studio (1111)", "studio (2222)", "attic", "(4444)"]);
});

test("a part of a name finds every option that has it, and a whole name its own alone", () => {
  const named = distinct([...options, { id: "node-eeee5555", name: "attic 2" }]);
  const found = (text: string) => matches(named, text).map(({ name }) => name);
  expect(found("ATT")).toEqual(["attic", "attic 2"]);
  expect(found("attic")).toEqual(["attic"]);
  expect(found("cellar")).toEqual([]);
});

test("a name that is typed, composed or left by deleting is not picked before Enter", () => {
  const typed = ["insertText", "insertCompositionText", "deleteContentBackward"];
  expect(typed.filter((type) => isChosen(type))).toEqual([]);
  // Browsers say differently that a name was chosen from the list, or say nothing.
  expect([undefined, "", "insertReplacementText", "insertFromPaste"].every(isChosen)).toBe(true);
});
