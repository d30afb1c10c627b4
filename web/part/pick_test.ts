/// <reference types="bun" />
import { expect, test } from "bun:test";
import { distinct, isChosen, onlyMatch } from "./pick.ts";

const options = [
  { id: "node-aaaa1111", name: "studio" },
  { id: "node-bbbb2222", name: "studio" },
  { id: "node-cccc3333", name: "attic" },
  { id: "node-dddd4444", name: "" },
];

test("options of the same name, or without one, are told apart by their ids", () => {
  expect(distinct(options).map(({ name }) => name))
    .toEqual(["studio (1111)", "studio (2222)", "attic", "(4444)"]);
});

test("a part of a name finds its option where no other has it", () => {
  const named = distinct(options);
  expect(onlyMatch(named, "ATT")?.id).toBe("node-cccc3333");
  expect(onlyMatch(named, "studio")).toBeUndefined();
  expect(onlyMatch(named, "")).toBeUndefined();
});

test("a name that is typed, composed or left by deleting is not picked before Enter", () => {
  const typed = ["insertText", "insertCompositionText", "deleteContentBackward"];
  expect(typed.filter((type) => isChosen(type))).toEqual([]);
  // Browsers say differently that a name was chosen from the list, or say nothing.
  expect([undefined, "", "insertReplacementText", "insertFromPaste"].every(isChosen)).toBe(true);
});
