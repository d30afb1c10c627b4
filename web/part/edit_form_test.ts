import { expect, test } from "bun:test";
import { signal } from "@preact/signals";
import { installBrowser } from "../testing/browser.ts";
import { drawn, textOf } from "../testing/drawn.ts";

installBrowser();
const { ApiError } = await import("../api.ts");
const { EditForm } = await import("./EditForm.tsx");

/** The form of a key with a field for its name, refused for `error`. */
function refused(error: InstanceType<typeof ApiError>): string {
  return textOf(drawn(EditForm, {
    isBusy: signal(false),
    error,
    fields: ["name"],
    onSubmit: () => {},
    children: null,
  }));
}

function invalid(message: string, ...params: string[]) {
  const fields = params.map((param) => ({ param, code: "wrong_format" as const, message }));
  return new ApiError(400, "invalid_request", message, params[0] ?? null, null, fields);
}

test("a member that is refused and has no field is named above the form", () => {
  const text = refused(invalid("no", "name", "budget.tokens_per_day"));
  expect(text).toContain("budget.tokens_per_day Invalid format.");
  expect(text).not.toContain("name Invalid");
});

test("nothing is said above a form whose problems all stand beside fields", () => {
  expect(refused(invalid("no", "name"))).toBe("Save");
});

test("a form that is refused as a whole says why in the gateway's words", () => {
  expect(refused(invalid("Cannot save the alias: it leads to itself"))).toContain(
    "Cannot save the alias: it leads to itself",
  );
});

test("a refusal that no field is to blame for says why in the reader's language", () => {
  const problem = { param: "", code: "last_administrator" as const, message: "Cannot" };
  const error = new ApiError(400, "invalid_request", "Cannot", null, null, [problem]);
  expect(refused(error)).toContain("Make another account an administrator first.");
});

test("a refusal of a kind that only a newer gateway knows is shown in that gateway's words", () => {
  const problem = { param: "", code: "out_of_season" as never, message: "Choose a later month" };
  const error = new ApiError(400, "invalid_request", "Cannot", null, null, [problem]);
  expect(refused(error)).toContain("Choose a later month");
});
