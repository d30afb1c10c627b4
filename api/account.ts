/** Accounts and their sessions, as their owner sees them. Times are UTC milliseconds. */

/** An account, as its owner sees it. Tokens are the owner's to copy; nobody else ever receives them. */
export interface UserView {
  id: string;
  email: string;
  role: Role;
  /** `sk-colink-…`: calls models. */
  api_token: string;
  /** `client-…`: connects nodes. */
  client_token: string;
  /** Calls that this account made and that were served. */
  total_api_calls: number;
  /** Calls that this account's nodes served to others or to itself. */
  total_provided_calls: number;
  created_at: number;
}

export type Role = "user" | "admin";

/** `POST /api/auth/login` */
export interface LoginAnswer {
  /** A JWT (HS256), good for 24 hours; browsers get the same one as an HttpOnly cookie. */
  token: string;
  user: UserView;
}

/** `POST /api/setup` → `LoginAnswer`: makes the first administrator and signs it in; 404 once there is one. */
export interface FirstAdmin {
  /** `setup-…`, from the gateway's terminal or `server admin setup`; good for half an hour. */
  code: string;
  email: string;
  password: string;
  /** Who may make an account from now on; absent: as configured. */
  registration?: RegistrationMode;
}

/** `POST /api/user/password`: ends every other session of the account. */
export interface PasswordChange {
  current_password: string;
  new_password: string;
}

/** One sign-in that is not over: `GET /api/user/sessions` → `{ sessions }`. */
export interface SessionView {
  /** Tells nothing that could be signed in with. */
  id: string;
  created_at: number;
  /** Exact to a minute. */
  last_seen_at: number;
  expires_at: number;
  /** The network address that signed in. */
  address: string;
  /** The browser's or program's name for itself, cut at 200 characters; null: it gave none. */
  user_agent: string | null;
  /** Whether it is the one that asks. */
  current: boolean;
}

/** `DELETE /api/user/sessions`: all but the one that asks; how many those were. */
export interface SessionsEnded {
  ended: number;
}

export type RegistrationMode = "open" | "invite" | "closed";

/** `GET /api/info` (public): what the console's pages need to know before anyone signs in. */
export interface InfoView {
  version: string;
  registration: RegistrationMode;
  /** The address that the operator gave; null: the one in the browser's address bar is right. */
  public_url: string | null;
  nodes: number;
  models: number;
  /** Whether the first administrator is still to be made. */
  setup: boolean;
  /** This gateway hears or reaches not all others of its network: what it shows of them may be old. */
  cut_off: boolean;
}
