import { expect, test } from "bun:test";
import { ApiError } from "../api.ts";
import { mount, settle } from "../testing/hook.ts";
import { useSubmit } from "./submit.ts";

test("a second click while the action runs does not run it again", async () => {
  const submit = await mount(useSubmit);
  const { promise, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  const action = () => {
    runs++;
    return promise;
  };
  const first = submit.current.run(action);
  await submit.current.run(action);
  expect(submit.current.isBusy.value).toBe(true);
  expect(runs).toBe(1);
  resolve();
  await settle(() => first);
  expect(submit.current.isBusy.value).toBe(false);
  await submit.current.run(action);
  expect(runs).toBe(2);
});

test("an error of the gateway is kept until the next action begins", async () => {
  const submit = await mount(useSubmit);
  const refused = new ApiError(400, "weak_password", "no");
  await submit.current.run(() => Promise.reject(refused));
  expect(submit.current.error.value).toBe(refused);
  expect(submit.current.isBusy.value).toBe(false);
  await submit.current.run(() => {
    expect(submit.current.error.value).toBeNull();
    return Promise.resolve();
  });
  expect(submit.current.error.value).toBeNull();
});

test("an error that is not the gateway's is thrown, and the next action may run", async () => {
  const submit = await mount(useSubmit);
  await expect(submit.current.run(() => Promise.reject(new TypeError("a bug")))).rejects.toThrow(
    "a bug",
  );
  expect(submit.current.error.value).toBeNull();
  expect(submit.current.isBusy.value).toBe(false);
});
