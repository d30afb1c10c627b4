import { expect, test } from "bun:test";
import { nearPath } from "./near_path.ts";

const cases: [why: string, path: string, near: string | null][] = [
  ["a base URL without /v1", "/chat/completions", "/v1/chat/completions"],
  ["/v1 given to an SDK that appends it itself", "/v1/v1/messages", "/v1/messages"],
  ["counting tokens there", "/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"],
  ["a base URL that has the endpoint in it", "/v1/embeddings/models", "/v1/models"],
  ["one endpoint twice", "/v1/completions/completions", "/v1/completions"],
  ["another server's prefix", "/openai/v1/responses", "/v1/responses"],
  ["an endpoint that is not there", "/v1/images/generations", null],
  ["nothing alike", "/", null],
];

for (const [why, path, near] of cases) {
  test(`${why}: ${path} is near ${near}`, () => expect(nearPath(path)).toBe(near));
}
