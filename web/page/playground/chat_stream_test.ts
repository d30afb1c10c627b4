import { expect, test } from "bun:test";
import { fakeGateway } from "../../testing/gateway.ts";
import { leaveChat, streamChat } from "./chat_stream.ts";

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
  return await streamChat(call, ignored, signal).catch((e) => e);
}

const call = { body: { model: "m", messages: [] }, apiToken: "sk", key: "key-of-test" };

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

test("a connection that is lost in mid-answer is made again, behind the last whole event", async () => {
  const chunk = (id: number, content: string) =>
    `id: ${id}\ndata: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
  const sent: (string | null)[] = [];
  const answers = [
    `${chunk(1, "a")}${chunk(2, "b")}id: 3\ndata: {"cho`,
    `${chunk(3, "c")}id: 4\ndata: [DONE]\n\n`,
  ];
  gateway.answers["POST /v1/chat/completions"] = (request) => {
    sent.push(new Headers(request.headers).get("last-event-id"));
    expect(new Headers(request.headers).get("idempotency-key")).toBe(call.key);
    return new Response(answers.shift());
  };
  let text = "";
  const listener = { ...ignored, text: (piece: string) => void (text += piece) };
  await streamChat(call, listener, new AbortController().signal);
  expect([text, ...sent]).toEqual(["abc", null, "2"]);
});

test("an answer that is not wanted any more is left for good", async () => {
  let seconds: string | null = null;
  gateway.answers["POST /v1/chat/completions"] = (request) => {
    seconds = new Headers(request.headers).get("x-colink-resume-seconds");
    return new Response("");
  };
  await leaveChat(call);
  expect(seconds as string | null).toBe("0");
});
