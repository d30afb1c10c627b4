/** What an SDK throws, to be looked at. */

import { expect } from "bun:test";
import { APIError } from "openai";

/** The failure of a call, which must be of the SDK's own class. */
export async function failure(answer: PromiseLike<unknown>): Promise<APIError> {
  const error = await answer.then(() => new Error("It did not fail"), (error) => error);
  expect(error).toBeInstanceOf(APIError);
  return error;
}
