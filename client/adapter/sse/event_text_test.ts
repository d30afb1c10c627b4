import { expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { frameEvent } from "./event_text.ts";

test("chunks are framed without an event name", () => {
  expect(frameEvent(Endpoint.chat, '{"a":1}')).toBe('data: {"a":1}\n\n');
  expect(frameEvent(Endpoint.completions, '{"a":1}')).toBe('data: {"a":1}\n\n');
});

test("named events take their name from the JSON's type, wherever it is", () => {
  for (const json of ['{"type":"a.b","x":1}', '{ "x": {"type":"no"}, "type": "a.b" }']) {
    expect(frameEvent(Endpoint.responses, json)).toBe(`event: a.b\ndata: ${json}\n\n`);
    expect(frameEvent(Endpoint.messages, json)).toBe(`event: a.b\ndata: ${json}\n\n`);
  }
});

test("line breaks between JSON tokens do not end the data line", () => {
  expect(frameEvent(Endpoint.chat, '{\r\n"a":\n1.0}')).toBe('data: { "a": 1.0}\n\n');
});
