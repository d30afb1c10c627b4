/** A server's own API, beside the OpenAI-compatible one that is below the base URL. Never rejects. */

import type { HttpResponse } from "../../http/http_response.ts";
import { isObject, type Json } from "../json_object.ts";
import { discard, readWhole } from "../sse/event_stream.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** The largest answer that is read. */
const MAX_BYTES = 4 * 1024 * 1024;

export class NativeApi {
  constructor(private readonly upstream: Pick<Upstream, "get" | "post">) {}

  /** The object at a path beside the API's version, such as `api/ps`; null: there is none. */
  async get(
    path: string,
    signal: AbortSignal,
    query: Readonly<Record<string, string>> = {},
  ): Promise<Json | null> {
    const value = await this.upstream.get(`../${path}`, signal, query);
    return isObject(value) ? value : null;
  }

  /** The object that answers JSON text posted to such a path; null: there is none. */
  async post(
    path: string,
    bodyText: string,
    signal: AbortSignal,
    maxBytes = MAX_BYTES,
  ): Promise<Json | null> {
    try {
      const response = await this.#send(path, bodyText, signal);
      if (!response.ok) {
        discard(response);
        return null;
      }
      const value: unknown = JSON.parse(await readWhole(response, signal, maxBytes));
      return isObject(value) ? value : null;
    } catch {
      return null;
    }
  }

  /** The status of the answer to JSON text posted to such a path; null: there is none. */
  async statusOf(path: string, bodyText: string, signal: AbortSignal): Promise<number | null> {
    try {
      const response = await this.#send(path, bodyText, signal);
      discard(response);
      return response.status;
    } catch {
      return null;
    }
  }

  #send(path: string, bodyText: string, signal: AbortSignal): Promise<HttpResponse> {
    return this.upstream.post(`../${path}`, bodyText, { stream: false, signal });
  }
}
