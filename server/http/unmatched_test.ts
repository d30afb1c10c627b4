import { expect, test } from "bun:test";
import { nearPath, nearPathHint } from "./unmatched.ts";

const cases: [why: string, path: string, near: string | null][] = [
  ["a base URL without /v1", "/chat/completions", "/v1/chat/completions"],
  ["/v1 given twice to an SDK that appends it itself", "/v1/v1/v1/messages", "/v1/messages"],
  ["counting tokens there", "/v1/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"],
  ["a base URL that has the endpoint in it", "/v1/embeddings/models", "/v1/models"],
  ["one endpoint twice", "/v1/completions/completions", "/v1/completions"],
  ["another server's prefix", "/openai/v1/responses", "/v1/responses"],
  ["one model without /v1", "/models/meta-llama/Llama-3", "/v1/models/meta-llama/Llama-3"],
  ["a stored response without /v1", "/responses/resp_1", "/v1/responses/resp_1"],
  ["a slash too many", "/v1/chat/completions/", "/v1/chat/completions"],
  ["another one too many", "/v1//embeddings", "/v1/embeddings"],
  ["an endpoint that is not there", "/v1/images/generations", null],
  ["nothing alike", "/", null],
];

for (const [why, path, near] of cases) {
  test(`${why}: ${path} is near ${near}`, () => expect(nearPath(path)).toBe(near));
}

test("a base URL without /v1 is to be extended, one with too much to be corrected, and no other path has a hint", () => {
  expect(nearPathHint("/models")).toEndWith(
    "did you mean /v1/models? Then add /v1 to the base URL",
  );
  expect(nearPathHint("/openai/v1/models")).toEndWith("? Then correct the base URL");
  expect(nearPathHint("/nodes")).toBe("");
});
