import { expect, test } from "bun:test";
import type { VNode } from "preact";
import type { SettingsChange } from "../../../api/mod.ts";
import { installBrowser } from "../../testing/browser.ts";
import { mount, settle } from "../../testing/hook.ts";

const { document } = installBrowser();
const { useTitle } = await import("../../part/Page.tsx");
const { instanceName } = await import("../../state/instance.ts");
const { InstanceName } = await import("./GatewaySettings.tsx");

interface FormProps {
  onSubmit(event: { preventDefault(): void }): void;
  children: VNode<{ value: string; onInput(event: object): void }>[];
}

test("a name that was typed is saved without blanks around it, and stays until the gateway has it", async () => {
  const asked: SettingsChange[] = [];
  let done: (() => void) | undefined;
  const setting = { value: "Attic", fallback: "", is_set: true };
  const onChange = (change: SettingsChange, onDone?: () => void) => {
    asked.push(change);
    done = onDone;
  };
  const page = await mount(() => InstanceName({ setting, onChange }) as VNode<object>);
  const form = () => (page.current.props as { children: VNode<FormProps> }).children.props;
  const field = () => form().children[0]!.props;
  const save = async (typed: string) => {
    await settle(() => field().onInput({ currentTarget: { value: typed } }));
    await settle(() => form().onSubmit({ preventDefault() {} }));
  };
  expect(field().value).toBe("Attic");
  await save(" Lab ");
  expect(asked).toEqual([{ name: "Lab" }]);
  expect(field().value).toBe(" Lab ");
  await settle(() => done?.());
  expect(field().value).toBe("Attic");
  await save("  ");
  expect(asked[1]).toEqual({ name: null });
  await page.unmount();
});

test("the browser's tab has the gateway's name, and the product's where it has none", async () => {
  const page = await mount(() => useTitle("Nodes"));
  const { title } = document as unknown as { title: string };
  expect(title).toBe("Nodes · Co-Link");
  await settle(() => instanceName.value = "Lab");
  await page.rerender();
  expect((document as unknown as { title: string }).title).toBe("Nodes · Lab");
  instanceName.value = "";
  await page.unmount();
});
