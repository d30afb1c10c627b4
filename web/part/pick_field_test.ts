import { expect, test } from "bun:test";
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { installBrowser } from "../testing/browser.ts";
import { mount, type Mounted, settle } from "../testing/hook.ts";
import type { Option } from "./pick.ts";

installBrowser();
const { PickField } = await import("./PickField.tsx");
const { messages } = await import("../state/locale.ts");

const nodes = [{ id: "1", name: "studio" }, { id: "2", name: "studio-2" }];

interface InputProps {
  "aria-invalid": boolean;
  onChange(event: { currentTarget: { value: string } }): void;
  onInput(event: object): void;
}

/** The field among `options`, and what is picked there. */
async function field(options: readonly Option[] | undefined) {
  const picked: string[] = [];
  const onPick = (id: string) => void picked.push(id);
  const page = await mount(() => PickField({ label: "Node", options, onPick }) as VNode<object>);
  const input = () => partsOf(page)[0]!.props as unknown as InputProps;
  return {
    picked,
    problem: () => (partsOf(page)[2]!.props as { children: string }).children,
    isInvalid: () => input()["aria-invalid"],
    enter: (value: string) => settle(() => input().onChange({ currentTarget: { value } })),
    type: (value: string) =>
      settle(() => input().onInput({ inputType: "insertText", currentTarget: { value } })),
    unmount: page.unmount,
  };
}

function partsOf(page: Mounted<VNode<object>>): VNode<object>[] {
  return (page.current.props as { children: VNode<object>[] }).children;
}

test("a field in which nothing fits says so, until it is typed in again", async () => {
  const node = await field(nodes);
  await node.enter("cellar");
  expect(node.problem()).toBe(messages.value.pick("cellar", 0));
  expect(node.isInvalid()).toBe(true);
  await node.type("cella");
  expect([node.problem(), node.isInvalid()]).toEqual(["", false]);
  expect(node.picked).toEqual([]);
  await node.unmount();
});

test("a text that fits several says how many, and one that fits one picks it", async () => {
  const node = await field(nodes);
  await node.enter("stud");
  expect(node.problem()).toBe(messages.value.pick("stud", 2));
  await node.enter("-2");
  expect([node.problem(), ...node.picked]).toEqual(["", "2"]);
  await node.unmount();
});

/** The field's `<input>` with this text, as if it were on a page. */
function inputWith(page: Mounted<VNode<object>>, value: string) {
  const { props, ref } = partsOf(page)[0] as VNode<object> & { ref: { current: unknown } };
  const currentTarget = ref.current = { value };
  const enter = () => settle(() => (props as unknown as InputProps).onChange({ currentTarget }));
  return { element: currentTarget, enter };
}

test("a text that was entered before the options are known picks the one that it fits then", async () => {
  const picked: string[] = [];
  const options = signal<readonly Option[] | undefined>(undefined);
  const onPick = (id: string) => void picked.push(id);
  const page = await mount(() =>
    PickField({ label: "Node", options: options.value, onPick }) as VNode<object>
  );
  const { element, enter } = inputWith(page, "-2");
  await enter();
  expect([element.value, ...picked]).toEqual(["-2"]);
  await settle(() => options.value = nodes);
  expect([element.value, ...picked]).toEqual(["", "2"]);
  await page.unmount();
});

test("how many names a text fitted stays said, whatever comes to fit it later", async () => {
  const options = signal(nodes.slice(0, 1));
  const page = await mount(() =>
    PickField({ label: "Node", options: options.value, onPick: () => {} }) as VNode<object>
  );
  await inputWith(page, "-2").enter();
  await settle(() => options.value = nodes);
  expect((partsOf(page)[2]!.props as { children: string }).children)
    .toBe(messages.value.pick("-2", 0));
  await page.unmount();
});

test("a field says nothing before it knows what there is, or where nothing was typed", async () => {
  const unknown = await field(undefined);
  await unknown.enter("studio");
  expect(unknown.problem()).toBe("");
  await unknown.unmount();
  const known = await field(nodes);
  await known.enter("  ");
  expect(known.problem()).toBe("");
  await known.unmount();
});
