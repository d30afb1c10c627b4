import { describe, expect, test } from "bun:test";
import { askForUsage, withoutUsage } from "./usage.ts";

describe("usage for the ledger alone", () => {
  test("is asked for beside the caller's other options, everything else staying as it was", () => {
    const body =
      `{"seed":9007199254740993, "stream_options":{"include_obfuscation":false},"x":null}`;
    expect(askForUsage(body, { include_obfuscation: false })).toBe(
      `{"seed":9007199254740993, "stream_options":{"include_obfuscation":false,"include_usage":true},"x":null}`,
    );
    expect(askForUsage(`{"stream":true}`, null)).toBe(
      `{"stream_options":{"include_usage":true},"stream":true}`,
    );
  });

  const seen: [what: string, chunk: string, shown: string][] = [
    ["the chunk that only reports usage", `{"choices":[],"usage":{"prompt_tokens":1}}`, ""],
    ["a null beside text", `{"choices":[{"index":0}],"usage":null}`, `{"choices":[{"index":0}]}`],
    [
      "unrequested usage beside text",
      `{"choices":[{}],"usage":{"a":1}}`,
      `{"choices":[{}],"usage":{"a":1}}`,
    ],
    [
      "llama.cpp's timings beside usage",
      `{"choices":[],"created":1,"object":"chat.completion.chunk","usage":{"a":1},"timings":{"predicted_ms":12345678901234567890.5}}`,
      `{"choices":[{"index":0,"delta":{},"finish_reason":null}],"created":1,"object":"chat.completion.chunk","timings":{"predicted_ms":12345678901234567890.5}}`,
    ],
    [
      "whatever else rides in the last chunk of a text",
      `{"object":"text_completion","choices":[],"usage":{},"x":0}`,
      `{"object":"text_completion","choices":[{"index":0,"text":"","finish_reason":null}],"x":0}`,
    ],
    [
      "what all chunks share beside usage",
      `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{},"x":null}`,
      "",
    ],
    ["no usage at all", `{"choices":[]}`, `{"choices":[]}`],
  ];
  for (const [what, chunk, shown] of seen) {
    test(`${what} is shown as ${shown || "nothing"}`, () => {
      expect(withoutUsage(chunk, JSON.parse(chunk))).toBe(shown);
    });
  }
});
