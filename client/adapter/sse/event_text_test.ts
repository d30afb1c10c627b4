import { expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { eventText } from "./event_text.ts";

test("chunks are events without a name", () => {
  expect(eventText(Endpoint.chat, '{"a":1}')).toBe('data: {"a":1}\n\n');
  expect(eventText(Endpoint.completions, '{"a":1}')).toBe('data: {"a":1}\n\n');
});

test("events of dialects that name them are named by their type, wherever it stands", () => {
  for (const json of ['{"type":"a.b","x":1}', '{ "x": {"type":"no"}, "type": "a.b" }']) {
    expect(eventText(Endpoint.responses, json)).toBe(`event: a.b\ndata: ${json}\n\n`);
    expect(eventText(Endpoint.messages, json)).toBe(`event: a.b\ndata: ${json}\n\n`);
  }
});

test("line breaks between JSON's tokens do not end the event's line", () => {
  expect(eventText(Endpoint.chat, '{\r\n"a":\n1.0}')).toBe('data: { "a": 1.0}\n\n');
});
