/** The web as far as a node looks into it: names, and what stands at http:// addresses. */

import { lookup } from "node:dns/promises";
import { request } from "node:http";

export interface WebAnswer {
  status: number;
  /** Where a redirect leads. */
  location: string | undefined;
  /** As announced, in bytes. */
  length: number | undefined;
  body: AsyncIterable<Uint8Array>;
  /** Lets the answer go that was not read to its end. */
  close(): void;
}

export interface Web {
  /** The addresses of a host's name. Rejects for one that has none. */
  resolve(host: string): Promise<string[]>;
  /** Gets what a http:// address names from this very network address, whatever its name means by then. */
  get(address: string, url: URL, signal: AbortSignal): Promise<WebAnswer>;
}

export const realWeb: Web = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  get: (address, url, signal) =>
    new Promise((resolve, reject) => {
      const asked = request({
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
      asked.on("error", reject);
      asked.end();
    }),
};
