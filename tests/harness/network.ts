/** A network between a gateway and a server that tests can cut, freeze and restore. */

import { connect, createServer, type Socket } from "node:net";
import { endAfterTests } from "./cleanup.ts";

export interface Network {
  /** The server's URL by way of this network. */
  readonly url: string;
  /** Ends every connection, and each new one at once. */
  cut(): void;
  /** Connections stay and new ones are taken, but not a byte passes in either direction. */
  freeze(): void;
  /** Freezes as soon as the server says this, and loses it. */
  freezeAt(text: string): void;
  /** The same for those connections alone over which this was said last. */
  freezeThose(said: string): void;
  /** Everything passes again, what was held up first. */
  mend(): void;
}

type State = "open" | "cut" | "frozen";

/** Stands between the user of its URL and the server behind `url`. */
export async function networkTo(url: string): Promise<Network> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  /** What came over each last, and where it went. */
  const talks = new Map<Socket, { to: Socket; said: string }>();
  let state: State = "open";
  let lastWords: string | null = null;

  const server = createServer({ pauseOnConnect: true }, (near) => {
    if (state === "cut") return void near.resetAndDestroy();
    const far = connect(Number(target.port), target.hostname);
    join(near, far);
    join(far, near);
  });

  /** What `from` says reaches `to`, and so does its end. */
  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes) => {
      talks.set(from, { to, said: bytes.toString() });
      if (lastWords === null || !bytes.includes(lastWords)) return void to.write(bytes);
      lastWords = null;
      freeze();
    });
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      talks.delete(from);
      to.destroy();
    });
    if (state === "frozen") from.pause();
    else from.resume();
  }

  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const cut = () => {
    state = "cut";
    for (const socket of sockets) socket.destroy();
  };
  function freeze(): void {
    state = "frozen";
    for (const socket of sockets) socket.pause();
  }

  endAfterTests(() => {
    cut();
    server.close();
  });
  const address = new URL(url);
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as { port: number }).port);
  return {
    url: address.href,
    cut,
    freeze,
    freezeAt(text) {
      lastWords = text;
    },
    freezeThose(words) {
      for (const [from, { to, said }] of talks) {
        if (said.includes(words)) { for (const socket of [from, to]) socket.pause(); }
      }
    },
    mend() {
      state = "open";
      for (const socket of sockets) socket.resume();
    },
  };
}
