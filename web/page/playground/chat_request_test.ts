import { expect, test } from "bun:test";
import { programs } from "./as_code.ts";
import { chatBody, noParameters } from "./chat_request.ts";

const asked = (text: string, images: string[] = []) => ({ text, images });

test("empty answers and unset parameters are left out", () => {
  const exchanges = [
    { asked: asked("one"), answered: "1" },
    { asked: asked("two"), answered: "" },
    { asked: asked("three"), answered: null },
  ];
  expect(chatBody("m", "  ", exchanges, { ...noParameters, temperature: 0 })).toEqual({
    model: "m",
    messages: [
      { role: "user", content: "one" },
      { role: "assistant", content: "1" },
      { role: "user", content: "two" },
      { role: "user", content: "three" },
    ],
    temperature: 0,
  });
});

test("a picture without text is a message of its own", () => {
  const url = "data:image/png;base64,AA==";
  const body = chatBody("m", "", [{ asked: asked("", [url]), answered: null }], noParameters);
  expect(body.messages).toEqual([
    { role: "user", content: [{ type: "image_url", image_url: { url } }] },
  ]);
});

const body = chatBody(
  'it\'s "a" model',
  "",
  [{ asked: asked("Don't\npanic: ${HOME} `x`"), answered: null }],
  { temperature: 0.5, topP: null, maxTokens: 100 },
);
const call = { address: "https://colink.example", apiToken: "sk-colink-abc", body };

test("a shell reads the curl command as the same call, whatever the question contains", async () => {
  const line = programs.curl(call).replace(/^curl -N/, "printf '%s\\n'");
  const words = await new Response(Bun.spawn(["sh", "-c", line]).stdout).text();
  const data = words.slice(words.indexOf("-d\n") + 3);
  expect(JSON.parse(data)).toEqual({ ...body, stream: true });
});

test("the JavaScript program parses, and the Python one makes the same call", () => {
  const code = programs.JavaScript(call);
  expect(() => new Bun.Transpiler({ loader: "js" }).transformSync(code)).not.toThrow();
  for (const program of [code, programs.Python(call)]) {
    expect(program).toContain(JSON.stringify(body.model));
    expect(program).toContain("max_tokens");
    expect(program).not.toContain("top_p");
  }
});
