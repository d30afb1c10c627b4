/** Catches the errors that the packages throw. */

import { expect } from "bun:test";
import { APIError as AnthropicError } from "@anthropic-ai/sdk";
import { APIError } from "openai";

/** The APIError of a call with OpenAI's package. */
export function failure(answer: PromiseLike<unknown>): Promise<APIError> {
  return thrown(answer, APIError);
}

/** The APIError of a call with Anthropic's package. */
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
