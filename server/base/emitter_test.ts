import { expect, test } from "bun:test";
import { Emitter } from "./emitter.ts";

test("every listener is called at once and in order, until it unsubscribes", () => {
  const emitter = new Emitter<[name: string]>();
  const calls: string[] = [];
  const unsubscribe = emitter.subscribe((name) => calls.push(`first ${name}`));
  emitter.subscribe((name) => calls.push(`second ${name}`));
  emitter.emit("a");
  expect(calls).toEqual(["first a", "second a"]);
  unsubscribe();
  unsubscribe();
  emitter.emit("b");
  expect(calls).toEqual(["first a", "second a", "second b"]);
});

test("a report that no one subscribed to is no error", () => {
  new Emitter().emit();
});
