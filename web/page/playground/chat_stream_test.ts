import { expect, test } from "bun:test";
import { fakeGateway } from "../../testing/gateway.ts";
import { streamChat } from "./chat_stream.ts";

const gateway = fakeGateway();
const ignored = {
  began: () => {},
  text: () => {},
  reasoning: () => {},
  usage: () => {},
  raw: () => {},
};

async function failureOf(answer: Response): Promise<unknown> {
  gateway.answers["POST /v1/chat/completions"] = () => answer;
  const { signal } = new AbortController();
  return await streamChat({ model: "m", messages: [] }, "sk", ignored, signal).catch((e) => e);
}

const message = "Prompt has too many tokens";

test("a provider's error without a code of ours is shown in its own words", async () => {
  for (const code of [undefined, null, 400, ""]) {
    const error = { message, code };
    expect(await failureOf(Response.json({ error }, { status: 400 })))
      .toMatchObject({ status: 400, code: "provider_error", message });
    expect(await failureOf(new Response(`data: ${JSON.stringify({ error })}\n\n`)))
      .toMatchObject({ status: 0, code: "provider_error", message });
  }
});

test("an error with a code keeps it, and one without words is unknown", async () => {
  const coded = { error: { message, code: "context_length_exceeded" } };
  expect(await failureOf(Response.json(coded, { status: 400 })))
    .toMatchObject({ code: "context_length_exceeded", message });
  expect(await failureOf(new Response("<html>", { status: 502 })))
    .toMatchObject({ status: 502, code: "unknown" });
});
