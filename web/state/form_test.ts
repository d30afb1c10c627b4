import { expect, test } from "bun:test";
import { ApiError } from "../api.ts";
import { mount, settle } from "../testing/hook.ts";
import { useForm } from "./form.ts";

interface Fields {
  email: string;
  password: string;
}

const problemsOf = ({ email, password }: Fields) => ({
  email: email === "" ? "no e-mail" : undefined,
  password: password === "" ? "no password" : undefined,
});

/** A form whose submissions a test answers; `focused` is the field that has the focus. */
async function openForm() {
  const submitted: Fields[] = [];
  const answers: (() => Promise<void>)[] = [];
  const focused: string[] = [];
  const hook = await mount(() =>
    useForm<Fields & Record<string, string>>({
      initial: { email: "", password: "" },
      problemsOf,
      rejectionOf: ({ code, message }) =>
        code === "email_taken" ? { field: "email", text: message } : null,
      onSubmit: (values) => {
        submitted.push(values);
        return (answers.shift() ?? (() => Promise.resolve()))();
      },
    })
  );
  hook.current.element.current = {
    querySelector: (selector: string) => ({ focus: () => focused.push(selector) }),
  } as unknown as HTMLFormElement;
  const submit = async () => {
    const event = new Event("submit", { cancelable: true });
    await settle(() => hook.current.submit(event));
    expect(event.defaultPrevented).toBe(true);
  };
  const type = (field: keyof Fields, text: string) => settle(() => hook.current.set(field)(text));
  return { hook, submitted, answers, focused, submit, type };
}

test("a form shows no problem before it is submitted, then every one, and focuses the first", async () => {
  const form = await openForm();
  expect(form.hook.current.problem("email")).toBeUndefined();
  await form.submit();
  expect(form.hook.current.problem("email")).toBe("no e-mail");
  expect(form.hook.current.problem("password")).toBe("no password");
  expect(form.focused).toEqual(["[name=email]"]);
  expect(form.submitted).toEqual([]);
  await form.type("email", "lin@example.org");
  expect(form.hook.current.problem("email")).toBeUndefined();
  expect(form.hook.current.problem("password")).toBe("no password");
  await form.submit();
  expect(form.focused).toEqual(["[name=email]", "[name=password]"]);
});

test("a form without problems is submitted with what was typed", async () => {
  const form = await openForm();
  await form.type("email", "lin@example.org");
  await form.type("password", "secret");
  await form.submit();
  expect(form.submitted).toEqual([{ email: "lin@example.org", password: "secret" }]);
  expect(form.focused).toEqual([]);
  expect(form.hook.current.failure).toBeNull();
});

test("a form is busy until it is answered, and submits once", async () => {
  const form = await openForm();
  await form.type("email", "a");
  await form.type("password", "b");
  const { promise, resolve } = Promise.withResolvers<void>();
  form.answers.push(() => promise);
  await form.submit();
  await form.submit();
  expect(form.hook.current.isBusy.value).toBe(true);
  expect(form.submitted).toHaveLength(1);
  await settle(() => resolve());
  expect(form.hook.current.isBusy.value).toBe(false);
});

test("a rejection about a field is shown beside that field, which takes the focus by itself", async () => {
  const form = await openForm();
  await form.type("email", "a");
  await form.type("password", "b");
  form.answers.push(() => Promise.reject(new ApiError(400, "email_taken", "taken")));
  await form.submit();
  expect(form.hook.current.problem("email")).toBe("taken");
  expect(form.hook.current.problem("password")).toBeUndefined();
  expect(form.hook.current.failure).toBeNull();
  expect(form.focused).toEqual([]);
  // A problem that the form finds by itself takes the rejection's place.
  await form.type("email", "");
  expect(form.hook.current.problem("email")).toBe("no e-mail");
});

test("a rejection about no field belongs to the whole form, and the focus stays", async () => {
  const form = await openForm();
  await form.type("email", "a");
  await form.type("password", "b");
  const error = new ApiError(429, "login_throttled", "wait");
  form.answers.push(() => Promise.reject(error));
  await form.submit();
  expect(form.hook.current.failure).toBe(error);
  expect(form.hook.current.problem("email")).toBeUndefined();
  expect(form.focused).toEqual([]);
  await form.submit();
  expect(form.hook.current.failure).toBeNull();
});

test("a cleared form has its initial values, and shows no problem", async () => {
  const form = await openForm();
  await form.type("email", "a");
  await form.submit();
  await settle(() => form.hook.current.clear());
  expect(form.hook.current.values).toEqual({ email: "", password: "" });
  expect(form.hook.current.problem("email")).toBeUndefined();
});
