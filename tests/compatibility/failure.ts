/** What the packages throw, to be looked at. */

import { expect } from "bun:test";
import { APIError as AnthropicError } from "@anthropic-ai/sdk";
import { APIError } from "openai";

/** The failure of a call with OpenAI's package, which must be of its own class. */
export function failure(answer: PromiseLike<unknown>): Promise<APIError> {
  return thrown(answer, APIError);
}

/** The same with Anthropic's. */
export function anthropicFailure(answer: PromiseLike<unknown>): Promise<AnthropicError> {
  return thrown(answer, AnthropicError);
}

async function thrown<T>(
  answer: PromiseLike<unknown>,
  kind: abstract new (...args: never[]) => T,
): Promise<T> {
  const error = await answer.then(() => new Error("It did not fail"), (error) => error);
  expect(error).toBeInstanceOf(kind as never);
  return error;
}
