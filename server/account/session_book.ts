/** The console's sessions: who is signed in, from where and since when. A session that is ended is refused by every gateway at once. */

import type { SessionView } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { Emitter } from "../base/emitter.ts";
import { ColinkError } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import { newId } from "../base/new_id.ts";
import type { SessionRow } from "../store/sessions.ts";
import type { AccountRow, Role, Store } from "../store/store.ts";
import { SESSION_SECONDS, type Sessions } from "./sessions.ts";

/** A person who is signed in. */
export interface Visitor {
  accountId: string;
  email: string;
  role: Role;
  sessionId: string;
  /** Whether the session began with the sign-in provider. */
  isOfProvider: boolean;
}

/** Where a session begins. */
export interface Origin {
  address: string;
  userAgent: string | null;
  /** The sign-in provider's name of its own session, empty where it gave none; absent: a password was checked. */
  providerSid?: string;
}

export interface SessionBookOptions {
  store: Pick<Store, "sessions">;
  sessions: Sessions;
  clock: Clock;
  log: Log;
}

const MAX_USER_AGENT_CHARS = 200;

/** What asks for a fresh sign-in accepts one of this age. */
const FRESH_MS = 5 * 60_000;

/** A session's last use is stored at most this often. */
const SEEN_EVERY_MS = 60_000;

/** Every method throws `store_unavailable` while the database is away. */
export class SessionBook {
  /** Emits the ids of sessions that were ended by this gateway. */
  readonly endings = new Emitter<[sessionIds: readonly string[]]>();

  constructor(private readonly options: SessionBookOptions) {}

  /**
   * Begins a session after the account's password was checked, or its provider has vouched for it;
   * resolves with its JWT. Null: the password was changed since.
   */
  async begin(
    { id: accountId, passwordHash }: Pick<AccountRow, "id" | "passwordHash">,
    { address, userAgent, providerSid }: Origin,
  ): Promise<string | null> {
    const { store, sessions, clock } = this.options;
    const now = clock.now();
    const sessionId = newId("ses_");
    const session = {
      id: sessionId,
      accountId,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: now + SESSION_SECONDS * 1000,
      address,
      userAgent: userAgent?.slice(0, MAX_USER_AGENT_CHARS).replaceAll("\0", "") ?? null,
      providerSid: providerSid ?? null,
    };
    const isAdded = await store.sessions.add(session, passwordHash);
    return isAdded ? await sessions.issue({ accountId, sessionId }) : null;
  }

  /** The signed-in visitor whom the JWT names. Throws `session_required` or `session_expired`. */
  async authenticate(jwt: string): Promise<Visitor> {
    const { store, sessions } = this.options;
    const { accountId, sessionId } = await sessions.verify(jwt);
    const session = await store.sessions.find(sessionId);
    if (session === null || session.accountId !== accountId) throw sessionEnded();
    this.#noteSeen(session);
    const { email, role } = session.account;
    return { accountId, email, role, sessionId, isOfProvider: session.providerSid !== null };
  }

  /** Whether the session has begun a moment ago: its visitor has just signed in. */
  async isFresh(sessionId: string): Promise<boolean> {
    const { store, clock } = this.options;
    const session = await store.sessions.find(sessionId);
    // A session that began far in the future began before the clock was set back: it is not fresh either.
    return session !== null && Math.abs(clock.now() - session.createdAt) < FRESH_MS;
  }

  /** The account's live sessions; `currentId` is the session that asks. */
  async list(accountId: string, currentId: string): Promise<SessionView[]> {
    const rows = await this.options.store.sessions.ofAccount(accountId);
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
    if (!await this.options.store.sessions.end(accountId, sessionId)) {
      throw new ColinkError("not_found", "Cannot end the session: there is none of that id");
    }
    this.ended([sessionId]);
  }

  /** Ends the session that the JWT names. Null: it named no live session, so there was none to end. */
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

  /** Ends the account's sessions except `exceptId`. Resolves with their number. */
  async endOthers(accountId: string, exceptId: string | null): Promise<number> {
    const ended = await this.options.store.sessions.endOthers(accountId, exceptId);
    this.ended(ended);
    return ended.length;
  }

  /** Reports sessions that this gateway has ended in the store. */
  ended(sessionIds: readonly string[]): void {
    if (sessionIds.length > 0) this.endings.emit(sessionIds);
  }

  /** The live ones of these sessions. */
  alive(sessionIds: readonly string[]): Promise<Set<string>> {
    return this.options.store.sessions.alive(sessionIds);
  }

  #noteSeen({ id, lastSeenAt }: SessionRow): void {
    const { store, clock, log } = this.options;
    const now = clock.now();
    if (now - lastSeenAt < SEEN_EVERY_MS) return;
    // In the background: the time is shown to people only.
    store.sessions.seen(id, now).catch((error) => {
      log.debug({ cause: String(error) }, "could not note that a session was used");
    });
  }
}

function sessionEnded(): ColinkError {
  return new ColinkError(
    "session_required",
    "Cannot continue: this session was ended, or its account was disabled; sign in again",
  );
}
