import { expect, test } from "bun:test";
import { installBrowser } from "../../testing/browser.ts";
import { aNode } from "../../testing/node.ts";

installBrowser();
const { sharing } = await import("./sharing.ts");

test("whose calls a node takes stands in words, for those who may know it", () => {
  const words = (share_with: string[] | null, mine = true) =>
    sharing({ ...aNode(), share_with, mine });
  expect(words(null)).toBeNull();
  expect(words(["everyone"])).toBe("for everyone");
  expect(words(["me"])).toBe("only you");
  expect(words(["me"], false)).toBe("only its owner");
  expect(words(["group:lab", "user:ann@example.com"])).toBe("for lab, ann@example.com");
});
