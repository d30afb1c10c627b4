/// <reference types="bun" />
import { expect, test } from "bun:test";
import { loginProblems, registrationProblems } from "./credentials.ts";
import { en } from "../../i18n/en.ts";

const words = en.account.problems;
const good = { email: "lin@example.org", password: "long enough", invite: "" };

test("a good form has no problems", () => {
  expect(registrationProblems(good, false, words)).toEqual({});
  expect(loginProblems(good, words)).toEqual({});
});

test("every empty field is named at once", () => {
  expect(registrationProblems({ email: " ", password: "", invite: " " }, true, words)).toEqual({
    email: words.emailMissing,
    password: words.passwordMissing,
    invite: words.inviteMissing,
  });
});

test("a password is measured in bytes, as the gateway measures it", () => {
  const problem = (password: string) =>
    registrationProblems({ ...good, password }, false, words).password;
  expect(problem("1234567")).toBe(words.passwordShort);
  expect(problem("密码密")).toBeUndefined();
  expect(problem("密".repeat(24))).toBeUndefined();
  expect(problem("密".repeat(25))).toBe(words.passwordLong(75));
});

test("an existing password may have any length", () => {
  expect(loginProblems({ ...good, password: "old" }, words)).toEqual({});
});

test("an address without an @ is refused", () => {
  expect(loginProblems({ ...good, email: "lin" }, words)).toEqual({ email: words.emailWrong });
});
