/** An OpenAI-compatible server for features that aimock lacks: completions, base64 embeddings, stored responses. */

import { type Behaviour, echo, startUpstream, type Upstream } from "../harness/upstream.ts";

export const PLAIN_MODEL = "plain-model";
/** Serves rerank and moderations only. */
export const JUDGE_MODEL = "local-judge";
/** Answers as a test defines. */
export const QUIRKY_MODEL = "quirky-model";

/** Exactly representable as 32-bit floats. */
export const VECTOR = [0.25, -1.5, 3];

/** Starts the server; other requests are echoed as chats. */
export function startPlainServer(): Upstream {
  const answer: Behaviour = (call) => (answers[call.path] ?? echo())(call);
  return startUpstream({ [PLAIN_MODEL]: answer, [JUDGE_MODEL]: answer });
}

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

const answers: Readonly<Record<string, Behaviour>> = Object.freeze({
  "/v1/completions": ({ body }) => {
    const { prompt, stream, stream_options } = body;
    const piece = (text: string, finish_reason: string | null) => ({
      id: "cmpl-1",
      object: "text_completion",
      created: 1,
      model: body.model,
      choices: [{ index: 0, text, logprobs: null, finish_reason }],
    });
    if (stream !== true) return Response.json({ ...piece(`${prompt} there`, "stop"), usage });
    const last = { ...piece("", null), choices: [], usage };
    const chunks = [
      piece(`${prompt}`, null),
      piece(" there", "stop"),
      ...(stream_options?.include_usage ? [last] : []),
    ];
    const text = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
    return new Response(`${text}data: [DONE]\n\n`, {
      headers: { "content-type": "text/event-stream" },
    });
  },
  "/v1/responses": ({ body }) =>
    Response.json({
      id: `resp_${crypto.randomUUID()}`,
      object: "response",
      created_at: 1,
      status: "completed",
      model: body.model,
      output: [{
        id: "msg_1",
        type: "message",
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", text: body.input, annotations: [] }],
      }],
    }),
  "/v1/rerank": ({ body }) => {
    const documents = body.documents as string[];
    if (documents.includes("")) {
      const message = "documents must not be empty";
      const error = { message, type: "invalid_request_error", param: "documents", code: null };
      return Response.json({ error }, { status: 422 });
    }
    const results = documents.map((text, index) => ({
      index,
      document: { text },
      relevance_score: text === body.query ? 0.98 : 0.02,
    })).toSorted((a, b) => b.relevance_score - a.relevance_score);
    return Response.json({
      id: "rerank-1",
      model: body.model,
      results,
      usage: { total_tokens: 7 },
    });
  },
  "/v1/moderations": ({ body }) =>
    Response.json({
      id: "modr-1",
      model: body.model,
      results: [body.input].flat().map((text) => {
        const flagged = text === "bad";
        return {
          flagged,
          categories: { violence: flagged },
          category_scores: { violence: Number(flagged) },
        };
      }),
    }),
  "/v1/embeddings": ({ body }) => {
    const inputs = Array.isArray(body.input) ? body.input : [body.input];
    const bytes = Buffer.from(new Float32Array(VECTOR).buffer);
    const embedding = body.encoding_format === "base64" ? bytes.toString("base64") : VECTOR;
    const data = inputs.map((_, index) => ({ object: "embedding", index, embedding }));
    const { prompt_tokens } = usage;
    return Response.json({
      object: "list",
      data,
      model: body.model,
      usage: { prompt_tokens, total_tokens: prompt_tokens },
    });
  },
});
