/** Who is signed in, from where, since when; and the end of it, which every gateway heeds at once. */

import type { SessionView } from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { SessionRow } from "../store/sessions.ts";
import type { AccountRow, Role, Store } from "../store/store.ts";
import { SESSION_SECONDS, type Sessions } from "./sessions.ts";
import { randomChars } from "./tokens.ts";

/** Somebody who is signed in. */
export interface Visitor {
  accountId: string;
  email: string;
  role: Role;
  sessionId: string;
}

/** Where a session begins. */
export interface Origin {
  address: string;
  userAgent: string | null;
}

export interface SessionBookOptions {
  store: Pick<Store, "sessions">;
  sessions: Sessions;
  log?: Log;
  now?: () => number;
}

const MAX_USER_AGENT_CHARS = 200;

/** How exactly it is known when a session was used last. */
const SEEN_EVERY_MS = 60_000;

/** Every method throws `store_unavailable` while the database is away. */
export class SessionBook {
  readonly #store: SessionBookOptions["store"];
  readonly #sessions: Sessions;
  readonly #log: Log;
  readonly #now: () => number;

  /** Told of sessions as soon as they are ended here. */
  onEnded: (sessionIds: readonly string[]) => void = () => {};

  constructor({ store, sessions, log = silentLog, now = Date.now }: SessionBookOptions) {
    this.#store = store;
    this.#sessions = sessions;
    this.#log = log;
    this.#now = now;
  }

  /**
   * Begins a session of somebody whose password was found to be the account's; the JWT is what its
   * holder shows. Null: the account has another password by now.
   */
  async begin(
    { id: accountId, passwordHash }: Pick<AccountRow, "id" | "passwordHash">,
    { address, userAgent }: Origin,
  ): Promise<string | null> {
    const now = this.#now();
    const sessionId = `ses_${randomChars(22)}`;
    const session = {
      id: sessionId,
      accountId,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: now + SESSION_SECONDS * 1000,
      address,
      userAgent: userAgent?.slice(0, MAX_USER_AGENT_CHARS).replaceAll("\0", "") ?? null,
    };
    const isBegun = await this.#store.sessions.add(session, passwordHash);
    return isBegun ? await this.#sessions.issue({ accountId, sessionId }) : null;
  }

  /** Who shows this JWT. Throws `session_required` or `session_expired`. */
  async authenticate(jwt: string): Promise<Visitor> {
    const { accountId, sessionId } = await this.#sessions.verify(jwt);
    const session = await this.#store.sessions.find(sessionId);
    if (session === null || session.accountId !== accountId) throw over();
    this.#noteSeen(session);
    const { email, role } = session.account;
    return { accountId, email, role, sessionId };
  }

  /** The account's sessions that are not over; `currentId` is the one that asks. */
  async list(accountId: string, currentId: string): Promise<SessionView[]> {
    const rows = await this.#store.sessions.ofAccount(accountId);
    return rows.map((row) => ({
      id: row.id,
      created_at: row.createdAt,
      last_seen_at: row.lastSeenAt,
      expires_at: row.expiresAt,
      address: row.address,
      user_agent: row.userAgent,
      current: row.id === currentId,
    }));
  }

  /** Throws `not_found` where the account has no such session. */
  async end(accountId: string, sessionId: string): Promise<void> {
    if (!await this.#store.sessions.end(accountId, sessionId)) {
      throw new ColinkError("not_found", "Cannot end the session: there is none of that id");
    }
    this.onEnded([sessionId]);
  }

  /** Ends whatever session the JWT shows; one that is over, or none at all, is no reason to complain. */
  async endOf(jwt: string): Promise<Visitor | null> {
    try {
      const visitor = await this.authenticate(jwt);
      await this.end(visitor.accountId, visitor.sessionId);
      return visitor;
    } catch (error) {
      if (error instanceof ColinkError && error.code !== "store_unavailable") return null;
      throw error;
    }
  }

  /** Ends the account's sessions, all but `exceptId`. Resolves with how many those were. */
  async endOthers(accountId: string, exceptId: string | null): Promise<number> {
    const ended = await this.#store.sessions.endOthers(accountId, exceptId);
    this.onEnded(ended);
    return ended.length;
  }

  /** Of these sessions, those that are still good. */
  alive(sessionIds: readonly string[]): Promise<Set<string>> {
    return this.#store.sessions.alive(sessionIds);
  }

  #noteSeen({ id, lastSeenAt }: SessionRow): void {
    const now = this.#now();
    if (now - lastSeenAt < SEEN_EVERY_MS) return;
    // Nobody waits for it, and nothing depends on it.
    this.#store.sessions.seen(id, now).catch((error) => {
      this.#log.debug({ cause: String(error) }, "could not note that a session was used");
    });
  }
}

function over(): ColinkError {
  return new ColinkError(
    "session_required",
    "Cannot go on: this session was ended, or its account was shut; sign in again",
  );
}
