/** Undoes the compression of a response's body. */

import { type BodyReader, type HttpResponse, wholeText } from "./http_response.ts";

/** Deno's type names fewer formats than Bun supports. */
type Format = ConstructorParameters<typeof DecompressionStream>[0];

type ReadResult = Bun.ReadableStreamDefaultReadResult<Uint8Array>;

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
  const body = new DecodedBody(response.body.getReader(), format);
  return { status, ok, headers, body, text: () => wholeText(body) };
}

class DecodedBody implements BodyReader {
  #decoded: Promise<BodyReader> | null = null;

  constructor(private readonly source: BodyReader, private readonly format: string) {}

  getReader(): BodyReader {
    return this;
  }

  async read(): Promise<ReadResult> {
    this.#decoded ??= this.#begin();
    return await (await this.#decoded).read();
  }

  cancel(): Promise<void> {
    return this.source.cancel();
  }

  /** A body without a byte is in no format, whatever its header says. */
  async #begin(): Promise<BodyReader> {
    const { source } = this;
    const { done, value: first } = await source.read();
    if (done) return source;
    const format = this.format === "deflate" && !hasZlibHeader(first) ? "deflate-raw" : this.format;
    const compressed = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => controller.enqueue(first as Uint8Array<ArrayBuffer>),
      pull: async (controller) => {
        const { done, value } = await source.read();
        if (done) controller.close();
        else controller.enqueue(value as Uint8Array<ArrayBuffer>);
      },
    });
    const decompressed: ReadableStream<Uint8Array> = compressed.pipeThrough(
      new DecompressionStream(format as Format),
    );
    return decompressed.getReader() as BodyReader;
  }
}

/** HTTP's "deflate" has one, but many servers leave it out. */
function hasZlibHeader([first = 0]: Uint8Array): boolean {
  return (first & 0x0f) === 8;
}
