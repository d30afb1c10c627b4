/** Undoes the compression of a response's body. */

import type { HttpResponse } from "./http_response.ts";

/** Deno's type names fewer formats than Bun supports. */
type Format = ConstructorParameters<typeof DecompressionStream>[0];

/** The runtime's names of the codings. */
const formats: Readonly<Record<string, string>> = Object.freeze({
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
  br: "brotli",
  zstd: "zstd",
});

/** The response with a readable body. One in an unknown coding is left as it is. */
export function decoded(response: HttpResponse): HttpResponse {
  const coding = response.headers.get("content-encoding");
  const format = coding === null ? undefined : formats[coding.toLowerCase()];
  if (format === undefined || response.body === null) return response;
  const { status, ok, headers } = response;
  const source = response.body.getReader();
  const compressed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: async (controller) => {
      const { done, value } = await source.read();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
    cancel: () => source.cancel(),
  });
  const rest = new Response(
    compressed.pipeThrough(new DecompressionStream(format as Format)),
  );
  return { status, ok, headers, body: rest.body, text: () => rest.text() };
}
