/** The curl line that quickstart prints is for pasting: the shell must read it as it was meant. */

import { expect, test } from "bun:test";
import { run } from "../program.ts";
import { curlLine } from "./welcome.ts";

test("the shell takes the curl line apart into the right words, whatever the model is called", async () => {
  const model = `it's "odd" $HOME \`x\` \\n/ünï`;
  const line = curlLine("http://127.0.0.1:1", "sk-colink-abc", model);
  const { output } = await run(["sh", "-c", line.replace(/^curl/, "printf '%s\\n'")]);
  const words = output.split("\n");
  expect(words.slice(0, -1)).toEqual([
    "-N",
    "http://127.0.0.1:1/v1/chat/completions",
    "-H",
    "Authorization: Bearer sk-colink-abc",
    "-H",
    "Content-Type: application/json",
    "-d",
  ]);
  expect(JSON.parse(words.at(-1) ?? "")).toMatchObject({ model, stream: true });
});
