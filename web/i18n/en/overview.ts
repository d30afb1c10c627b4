/** The administrators' overview, in English. */

import type { AttentionKind, TroubleCause } from "../../../api/mod.ts";
import { count, number } from "./words.ts";

interface Found {
  count: number;
  /** Names of nodes, or empty. */
  names: string;
  /** A time, or empty. */
  at: string;
  detail: string;
}

interface Advice {
  title: (found: Found) => string;
  next: string;
  /** Of the link; empty: there is none. */
  action: string;
}

export const overview = {
  lead: (gateways: number, version: string) =>
    gateways === 1
      ? `The whole gateway, version ${version}`
      : `${number.format(gateways)} gateways, this one version ${version}`,
  now: "Now",
  nowFigures: {
    nodes: "Nodes connected",
    models: "Models served",
    running: "Calls running",
    waiting: "Calls waiting",
  },
  hereHint: "at this gateway",
  attentionTitle: "Needs attention",
  allWell: "Nothing needs attention.",
  causesTitle: "Errors by cause",
  noErrors: "No call failed in this time.",
  queuesTitle: "Waiting by model",
  noQueues: "No call waits.",
  queue: (waiting: number) => `${number.format(waiting)} waiting`,
  slots: (running: number, slots: number) =>
    `${number.format(running)} of ${count(slots, "slot", "slots")} in use`,
  more: (names: string, others: number) =>
    others === 0 ? names : `${names} and ${number.format(others)} more`,
  /** Leads to the manual. */
  howTo: "How to",
  attention: {
    store: {
      title: ({ detail }) => `The database takes no writes: ${detail}`,
      next: "Keys that are known are served on for five minutes. Check the database and its disk.",
      action: "",
    },
    ledger: {
      title: ({ detail }) => `Ended calls cannot be recorded safely: ${detail}`,
      next: "Check the database, and the room and the rights of the data folder.",
      action: "",
    },
    limits: {
      title: ({ detail }) => `Redis takes no counts: ${detail}`,
      next: "Until it is back, each gateway keeps its own limits. Check REDIS_URL and Redis.",
      action: "",
    },
    gateways: {
      title: ({ count: n }) =>
        `${count(n, "gateway cannot", "gateways cannot")} be reached from here`,
      next: "Check the network between the gateways; their nodes get no calls from here.",
      action: "",
    },
    disk: {
      title: ({ detail }) => `Only ${detail} are free on the data folder’s disk`,
      next: "Make room: ended calls wait there while the database is unavailable.",
      action: "",
    },
    certificate: {
      title: ({ at, detail }) =>
        at === "" ? `There is no certificate: ${detail}` : `The certificate expires ${at}`,
      next:
        "Check that the domain leads here and that ports 80 and 443 are open; replace your own files.",
      action: "",
    },
    provider_key: {
      title: ({ count: n, names }) =>
        `Providers refuse the key of ${count(n, "node", "nodes")}: ${names}`,
      next: "Its owner has to put a valid api_key into the node’s config.yaml.",
      action: "See the nodes",
    },
    penalized: {
      title: ({ count: n, names }) => `${count(n, "node is", "nodes are")} cooling down: ${names}`,
      next: "Calls failed on them; each page says why.",
      action: "See the nodes",
    },
    unapproved: {
      title: ({ count: n, names }) =>
        `${count(n, "node waits", "nodes wait")} for approval: ${names}`,
      next: "They get no calls until you approve them.",
      action: "Approve",
    },
    lost: {
      title: ({ count: n, names }) =>
        `${count(n, "node", "nodes")} went offline within a day: ${names}`,
      next: "Check whether the machines are asleep or offline; nodes reconnect automatically.",
      action: "See the nodes",
    },
    plain_http: {
      title: () => "The public address is not encrypted",
      next:
        "Anyone on the network can read keys, prompts and answers. Start the gateway with --domain NAME, or put a proxy with HTTPS before it.",
      action: "",
    },
    untrusted_proxy: {
      title: ({ detail }) => `The proxy at ${detail} is not trusted`,
      next:
        "All its visitors share one network's rates. If it is yours, name its address in COLINK_TRUSTED_PROXIES, and let it set X-Forwarded-For.",
      action: "",
    },
    gateway_version: {
      title: ({ count: n, detail }) =>
        `${count(n, "gateway runs", "gateways run")} another version: ${detail}`,
      next: "Update all gateways to the same version.",
      action: "",
    },
    node_version: {
      title: ({ count: n, names }) =>
        `${count(n, "node runs", "nodes run")} another version than the gateway: ${names}`,
      next: "They work on; new features need an update of the node program.",
      action: "See the nodes",
    },
    backup: {
      title: ({ at }) => at === "" ? "There is no backup" : `The last backup was made ${at}`,
      next: "Run colink-server backup FILE, best every night.",
      action: "",
    },
    budgets: {
      title: ({ count: n }) => `${count(n, "budget is", "budgets are")} used up, or nearly so`,
      next:
        "Calls beyond a budget are refused until its day or month ends. Raise it where the use is right.",
      action: "See the users",
    },
    kept_administrator: {
      title: ({ detail }) =>
        `The sign-in provider no longer makes ${detail} an administrator, but there is no other`,
      next:
        "The account remains an administrator until there is another: appoint one, or correct the groups at the provider.",
      action: "See the users",
    },
  } satisfies Record<AttentionKind, Advice>,
  /** Stand in the place of `detail`. */
  troubles: {
    authority_forbidden: "the domain’s CAA record forbids this certificate authority",
    calls_lost: "ended calls were lost",
    calls_refused: "the database refuses some ended calls",
    cannot_save: "it cannot save to its disk",
    certificate_expired: "its certificate has expired",
    certificate_for_another_name: "its certificate is for another name",
    certificate_not_yet_valid: "its certificate is not valid yet",
    certificate_self_signed: "its certificate is self-signed",
    certificate_untrusted: "its certificate is not trusted here",
    connection_lost: "the connection was lost",
    connection_refused: "connection refused",
    damaged: "its data is damaged",
    disk_failed: "reading or writing its disk failed",
    disk_full: "the disk is full",
    domain_elsewhere: "the domain leads to another server",
    domain_unknown: "the domain has no DNS entry",
    locked: "another program has locked it",
    name_unknown: "the host name is not known",
    no_answer: "no answer in time",
    no_database: "there is no database of that name",
    no_file: "no such file or folder",
    no_tables: "the tables are missing",
    no_tls: "it does not speak TLS at that port",
    out_of_memory: "it is out of memory",
    overloaded: "too many queries are waiting",
    password_refused: "user name or password refused",
    permission_denied: "permission denied",
    port_80_closed: "port 80 cannot be reached from the internet",
    rate_limited: "the certificate authority’s rate limit is reached",
    read_only: "it is read-only",
    starting: "it is still starting",
    too_many_connections: "it has too many connections",
    too_many_files: "too many files are open",
    unreachable: "no network route to it",
  } satisfies Record<TroubleCause, string>,
} as const;
