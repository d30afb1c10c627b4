import { expect, test } from "bun:test";
import {
  nodeMessage,
  type NodeMessageCode,
  nodeMessages,
  readNodeMessage,
} from "./node_message.ts";

test("a sentence of the node's program is read back as its code and value", () => {
  for (const code of Object.keys(nodeMessages) as NodeMessageCode[]) {
    const value = nodeMessages[code].includes("{}") ? "< 70%" : null;
    expect(readNodeMessage(nodeMessage(code, value ?? ""))).toEqual({ code, value });
  }
  expect(nodeMessage("battery_low", 60)).toBe("the battery is not above 60 %");
  expect(nodeMessage("config_refused", "$& $1")).toEndWith(": $& $1");
});

test("other words mean what they say", () => {
  for (const text of ["", "somebody plays a game", "the battery is not above  %", "the machine"]) {
    expect(readNodeMessage(text)).toBeNull();
  }
});
