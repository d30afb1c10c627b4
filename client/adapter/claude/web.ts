/** DNS lookups and plain http:// requests, behind an interface for tests. */

import { lookup } from "node:dns/promises";
import { request } from "node:http";

export interface WebAnswer {
  status: number;
  /** The target of a redirect. */
  location: string | undefined;
  /** The announced size in bytes. */
  length: number | undefined;
  body: AsyncIterable<Uint8Array>;
  /** Closes an answer that was not read to its end. */
  close(): void;
}

export interface Web {
  /** The addresses of a host name. Rejects if there are none. */
  resolve(host: string): Promise<string[]>;
  /** Gets a http:// URL from the given network address, without another DNS lookup. */
  get(address: string, url: URL, signal: AbortSignal): Promise<WebAnswer>;
}

export const realWeb: Web = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  get: (address, url, signal) =>
    new Promise((resolve, reject) => {
      const sent = request({
        host: address,
        port: url.port === "" ? 80 : Number(url.port),
        path: url.pathname + url.search,
        headers: { host: url.host, accept: "image/*" },
        signal,
        agent: false,
      }, (response) => {
        const length = Number(response.headers["content-length"] ?? NaN);
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          length: Number.isNaN(length) ? undefined : length,
          body: response,
          close: () => void response.destroy(),
        });
      });
      sent.on("error", reject);
      sent.end();
    }),
};
