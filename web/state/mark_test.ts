import { expect, test } from "bun:test";
import { installBrowser } from "../testing/browser.ts";
import { isMarked, removeMark } from "./mark.ts";

const { document } = installBrowser();

test("only the gateway's own mark, set to 1, says that a user may be signed in", () => {
  document.cookie = "theme=dark; colink_signed_in=1; other=2";
  expect(isMarked()).toBe(true);
  for (
    const cookie of ["", "colink_signed_in=0", "not_colink_signed_in=1", "colink_signed_in=12"]
  ) {
    document.cookie = cookie;
    expect(isMarked()).toBe(false);
  }
});

test("removing the mark lets its cookie expire, for the whole console", () => {
  removeMark();
  expect(document.cookie).toBe("colink_signed_in=; path=/; max-age=0; samesite=strict");
});
