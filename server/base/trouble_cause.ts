/**
 * Why a database, Redis, a provider, an authority or a disk cannot be used: the frequent kinds of what
 * they and the system report, so that a console and a terminal can name them in their reader's language.
 */

import type { TroubleCause } from "../../api/mod.ts";
import { t } from "../texts.ts";

/** The kind of cause that a text names, by a system's, a driver's or a server's own words; null: it names none that is known. */
export function causeIn(text: string): TroubleCause | null {
  return table.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/**
 * The first pattern that fits counts: what a certificate authority has seen comes before what this
 * machine has. Behind a colon, five digits are a port and no SQLSTATE.
 */
const table: readonly [RegExp, TroubleCause][] = [
  [/DNS problem|NXDOMAIN|no valid A records/, "domain_unknown"],
  [/Invalid response from|key authorization/i, "domain_elsewhere"],
  [/Fetching http|likely firewall|Error getting validation data/i, "port_80_closed"],
  [/\bCAA\b/, "authority_forbidden"],
  [
    /too many (certificates|failed|new orders|registrations|currently)|rateLimited/i,
    "rate_limited",
  ],
  [/ended calls were lost/, "calls_lost"],
  [/calls that the database refuses/, "calls_refused"],
  [/CERT_HAS_EXPIRED|certificate has expired/i, "certificate_expired"],
  [/CERT_NOT_YET_VALID|certificate is not yet valid/i, "certificate_not_yet_valid"],
  [/ALTNAME/i, "certificate_for_another_name"],
  [/SELF.SIGNED/i, "certificate_self_signed"],
  [/UNABLE_TO_(GET_ISSUER|VERIFY)|unable to (get|verify).*certificate/i, "certificate_untrusted"],
  [/WRONG_VERSION_NUMBER|before secure TLS/i, "no_tls"],
  [/ECONNREFUSED/, "connection_refused"],
  [/ENOTFOUND|EAI_AGAIN/, "name_unknown"],
  [/EHOSTUNREACH|ENETUNREACH/, "unreachable"],
  [/28P01|(?<!:)\b28000\b|WRONGPASS|NOAUTH/, "password_refused"],
  [/(?<!:)\b42501\b|NOPERM|EACCES|EPERM|SQLITE_(PERM|AUTH|CANTOPEN)/, "permission_denied"],
  [/(?<!:)\b53300\b|max number of clients/, "too_many_connections"],
  [/(?<!:)\b25006\b|READONLY|EROFS/, "read_only"],
  [/(?<!:)\b53200\b|\bOOM\b|ENOMEM|SQLITE_NOMEM/, "out_of_memory"],
  [/(?<!:)\b53100\b|ENOSPC|EDQUOT|SQLITE_FULL|data folder is full/, "disk_full"],
  [/MISCONF/, "cannot_save"],
  [/57P03|\bLOADING\b/, "starting"],
  [/ENOENT/, "no_file"],
  [/3D000/, "no_database"],
  [/42P01|no such table/, "no_tables"],
  [/XX00[12]|SQLITE_(CORRUPT|NOTADB)/, "damaged"],
  [/(?<!:)\b58030\b|\bEIO\b|SQLITE_IOERR/, "disk_failed"],
  [/(?<!:)\b55P03\b|SQLITE_(BUSY|LOCKED)/, "locked"],
  [/EMFILE|ENFILE/, "too_many_files"],
  [/too many queries/, "overloaded"],
  [
    /ETIMEDOUT|CONNECT_TIMEOUT|timed? ?out|(?<!:)\b57014\b|does not answer|not connected yet/i,
    "no_answer",
  ],
  [/ECONNRESET|EPIPE|CONNECTION_|connection (was lost|(is )?closed)|57P0[12]/i, "connection_lost"],
];

/** What a terminal says of an error: its cause in words, with the original behind it, or the original alone. */
export function causeText(error: unknown): string {
  const reported = reportsOf(error);
  const original = withoutCredentials(reported.at(-1)?.message || String(error));
  const cause = causeIn(
    reported.map(({ code, message }) => `${code} ${message}`).reverse().join("; "),
  );
  return cause === null ? original : quoted(cause, original);
}

/** The same of a text. */
export function causeTextOf(text: string): string {
  const cause = causeIn(text);
  const original = withoutCredentials(text);
  return cause === null ? original : quoted(cause, original);
}

/** The same of a system's error, with its code alone: its message repeats a path. */
export function codeText(error: unknown): string {
  const [{ code, message } = { code: "", message: String(error) }] = reportsOf(error);
  const cause = causeIn(code);
  return cause === null ? code || message : t`${words[cause]}, ${code}`;
}

/** Programs quote addresses with the user name and password that are in them. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/\b([a-z][\w+.-]*:\/\/)[^\s"'<>]*@/gi, "$1");
}

function quoted(cause: TroubleCause, original: string): string {
  return t`${words[cause]} (${original})`;
}

/** An error and what caused it; a StoreUnavailable by its state, not by its message to callers. */
function reportsOf(error: unknown): { code: string; message: string }[] {
  const found: { code: string; message: string }[] = [];
  for (let cause = error; cause instanceof Error && found.length < 8; cause = cause.cause) {
    const { code = "", state } = cause as { code?: unknown; state?: string };
    found.push({ code: String(code), message: state ?? cause.message });
  }
  return found;
}

const words: Readonly<Record<TroubleCause, string>> = Object.freeze({
  authority_forbidden: t`the domain's CAA record forbids this certificate authority`,
  calls_lost: t`ended calls were lost`,
  calls_refused: t`the database refuses some ended calls`,
  cannot_save: t`it cannot save to its disk`,
  certificate_expired: t`its certificate has expired`,
  certificate_for_another_name: t`its certificate is for another name`,
  certificate_not_yet_valid: t`its certificate is not valid yet`,
  certificate_self_signed: t`its certificate is self-signed`,
  certificate_untrusted: t`its certificate is not trusted here`,
  connection_lost: t`the connection was lost`,
  connection_refused: t`connection refused`,
  damaged: t`its data is damaged`,
  disk_failed: t`reading or writing its disk failed`,
  disk_full: t`the disk is full`,
  domain_elsewhere: t`the domain leads to another server`,
  domain_unknown: t`the domain has no DNS entry`,
  locked: t`another program has locked it`,
  name_unknown: t`the host name is not known`,
  no_answer: t`no answer in time`,
  no_database: t`there is no database of that name`,
  no_file: t`no such file or folder`,
  no_tables: t`the tables are missing`,
  no_tls: t`it does not speak TLS at that port`,
  out_of_memory: t`it is out of memory`,
  overloaded: t`too many queries are waiting`,
  password_refused: t`user name or password refused`,
  permission_denied: t`permission denied`,
  port_80_closed: t`port 80 cannot be reached from the internet`,
  rate_limited: t`the certificate authority's rate limit is reached`,
  read_only: t`it is read-only`,
  starting: t`it is still starting`,
  too_many_connections: t`it has too many connections`,
  too_many_files: t`too many files are open`,
  unreachable: t`no network route to it`,
});
