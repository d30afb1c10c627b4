/**
 * The parts of a browser that the console's state uses, for unit tests without one. State modules read
 * them while they load, so a test installs them first and imports the modules dynamically.
 */

import { afterAll } from "bun:test";

/** An EventSource that a test plays the gateway for. */
export class FakeEventSource extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  /** Every one ever opened, oldest first. */
  static readonly opened: FakeEventSource[] = [];

  readyState = FakeEventSource.CONNECTING;

  constructor(readonly url: string) {
    super();
    FakeEventSource.opened.push(this);
  }

  close(): void {
    this.readyState = FakeEventSource.CLOSED;
  }

  accept(): void {
    this.readyState = FakeEventSource.OPEN;
    this.dispatchEvent(new Event("open"));
  }

  /** The connection broke; the browser reopens it by itself, unless the gateway `refused`. */
  fail(refused = false): void {
    this.readyState = refused ? FakeEventSource.CLOSED : FakeEventSource.CONNECTING;
    this.dispatchEvent(new Event("error"));
  }

  send(name: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }
}

class FakeDocument extends EventTarget {
  hidden = false;
  cookie = "";
  readonly documentElement = { lang: "", dataset: {} as Record<string, string> };
}

class FakeStorage {
  readonly kept = new Map<string, string>();
  /** Whether the browser blocks storage, as some do in private windows. */
  isBlocked = false;

  getItem(key: string): string | null {
    this.#check();
    return this.kept.get(key) ?? null;
  }

  setItem(key: string, text: string): void {
    this.#check();
    this.kept.set(key, text);
  }

  #check(): void {
    if (this.isBlocked) throw new DOMException("Blocked", "SecurityError");
  }
}

class FakeMedia extends EventTarget {
  matches = false;

  set(matches: boolean): void {
    this.matches = matches;
    this.dispatchEvent(new Event("change"));
  }
}

/** One for all test files of a process, because they share the state modules, too. */
const document = new FakeDocument();
const localStorage = new FakeStorage();
const darkScheme = new FakeMedia();
const history = {
  /** Addresses that were pushed or put in place, as `push /path`. */
  log: [] as string[],
  pushState: (_state: unknown, _title: string, url: string) => history.log.push(`push ${url}`),
  replaceState: (_state: unknown, _title: string, url: string) =>
    history.log.push(`replace ${url}`),
};
const location = {
  protocol: "http:",
  pathname: "/",
  search: "",
  hash: "",
  origin: "http://gateway.example",
};

const navigator = { language: "en-US" };

const globals = {
  document,
  navigator,
  localStorage,
  history,
  location,
  EventSource: FakeEventSource,
  matchMedia: () => darkScheme,
};

const browser = { document, navigator, localStorage, darkScheme, history, location };

/** Puts the fakes in place until the tests of the calling file are over. */
export function installBrowser(): typeof browser {
  const before = Object.entries(globals).map(([name, value]) => {
    const own = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    return [name, own] as const;
  });
  afterAll(() => {
    for (const [name, own] of before) {
      if (own) Object.defineProperty(globalThis, name, own);
      else Reflect.deleteProperty(globalThis, name);
    }
  });
  return browser;
}

export function setHidden(isHidden: boolean): void {
  document.hidden = isHidden;
  document.dispatchEvent(new Event("visibilitychange"));
}
