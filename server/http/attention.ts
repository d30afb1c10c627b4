/** What an administrator should look at first: one finding for each kind of trouble, the most urgent first. */

import { DAY_MS } from "../base/clock.ts";
import { causeIn, withoutCredentials } from "../base/trouble_cause.ts";
import { isLoopback } from "../base/loopback.ts";
import type { Attention, AttentionKind } from "../../api/mod.ts";
import { freeBytes, MIN_FREE_BYTES } from "../base/free_space.ts";
import { KEPT_ADMINISTRATOR } from "../base/kept_administrator.ts";
import { LAST_BACKUP } from "../base/last_backup.ts";
import type { Node } from "../node/node.ts";
import type { Penalty } from "../node/penalty.ts";
import { ColinkError } from "../base/error.ts";
import type { AppParts } from "./parts.ts";
import type { TightBudgets } from "./tight_budgets.ts";

const BACKUP_WITHIN_MS = 7 * DAY_MS;
const CERTIFICATE_WITHIN_MS = 14 * DAY_MS;
const MAX_NODES = 5;
const MAX_HOLDERS = 5;
/** How this project's node program begins the name that it reports, before its version. */
const AGENT = "co-link/";

type Named = Attention["nodes"][number];
type Finding = Pick<Attention, "kind" | "severity"> & Partial<Attention>;

const NOTHING_MORE = {
  count: 1,
  code: null,
  cause: null,
  at: null,
  detail: null,
  nodes: [] as Named[],
} satisfies Partial<Attention>;

/** Reads the database; while that is away, findings that need it are left out, and `store` is one. */
export async function attention(
  parts: AppParts,
  budgets: Pick<TightBudgets, "holders">,
): Promise<Attention[]> {
  const found = [
    ...ofServices(parts),
    ...await ofDisk(parts),
    ...ofCertificate(parts),
    ...ofProxy(parts),
    ...ofNodes(parts),
    ...await ofStored(parts).catch(nothingWhileAway),
    ...await ofBudgets(budgets).catch(nothingWhileAway),
  ];
  return found
    .map((finding) => ({ ...NOTHING_MORE, ...finding }))
    .sort((a, b) => urgency(a) - urgency(b));
}

function nothingWhileAway(error: unknown): Finding[] {
  if (error instanceof ColinkError && error.code === "store_unavailable") return [];
  throw error;
}

function urgency({ severity }: Attention): number {
  return severity === "bad" ? 0 : 1;
}

function ofServices({ store, ledger, limiter, cluster, config, version }: AppParts): Finding[] {
  const view = cluster?.view();
  const missing = view === undefined ? 0 : view.gateways - view.reachable;
  const others = view?.versions.filter((one) => one !== version) ?? [];
  return [
    ...troubleOf("store", store.trouble),
    ...troubleOf("ledger", ledger.trouble),
    ...troubleOf("limits", limiter.trouble),
    ...(missing > 0 ? [{ kind: "gateways", severity: "bad", count: missing } as const] : []),
    ...(others.length > 0
      ? [
        {
          kind: "gateway_version",
          severity: "warning",
          count: others.length,
          detail: [...new Set(others)].join(", "),
        } as const,
      ]
      : []),
    ...(isPlain(config.publicUrl) ? [{ kind: "plain_http", severity: "warning" } as const] : []),
  ];
}

function troubleOf(kind: AttentionKind, trouble: string | null): Finding[] {
  if (trouble === null) return [];
  return [{ kind, severity: "bad", cause: causeIn(trouble), detail: withoutCredentials(trouble) }];
}

/** Whether others reach the gateway by an address without encryption. */
function isPlain(publicUrl: string | null): boolean {
  if (publicUrl === null || !URL.canParse(publicUrl)) return false;
  const { protocol, hostname } = new URL(publicUrl);
  return protocol === "http:" && !isLoopback(hostname);
}

async function ofDisk({ config }: AppParts): Promise<Finding[]> {
  const free = await freeBytes(config.dataDir).catch(() => null);
  if (free === null || free >= MIN_FREE_BYTES) return [];
  return [{ kind: "disk", severity: "bad", detail: `${Math.round(free / 2 ** 20)} MiB` }];
}

function ofProxy({ untrustedProxy }: AppParts): Finding[] {
  const address = untrustedProxy();
  return address === null
    ? []
    : [{ kind: "untrusted_proxy", severity: "warning", detail: address }];
}

function ofCertificate({ certificates, clock }: AppParts): Finding[] {
  if (certificates === null) return [];
  const { trouble, validUntilMs: at } = certificates;
  const leftMs = at === null ? Infinity : at - clock.now();
  if (trouble === null && leftMs > CERTIFICATE_WITHIN_MS) return [];
  const severity = leftMs <= 0 || at === null ? "bad" : "warning";
  const cause = trouble === null ? null : causeIn(trouble);
  return [{
    kind: "certificate",
    severity,
    at,
    cause,
    detail: trouble && withoutCredentials(trouble),
  }];
}

function ofNodes({ hub, penalties, version }: AppParts): Finding[] {
  const refused: Named[] = [];
  const failing: Named[] = [];
  const codes = new Map<string, number>();
  const waiting: Named[] = [];
  const older: Named[] = [];
  for (const node of hub.nodes()) {
    if (node.hold === "unapproved") waiting.push(named(node));
    if (node.offer.agent?.startsWith(AGENT) && node.offer.agent !== AGENT + version) {
      older.push(named(node));
    }
    const code = worstOf(penalties.of(node.who.nodeKey));
    if (code === "upstream_auth") refused.push(named(node));
    else if (code !== null) {
      failing.push(named(node));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  }
  const [most] = [...codes].sort(([, a], [, b]) => b - a);
  return [
    ...some("provider_key", "bad", refused),
    ...some("penalized", "bad", failing).map((finding) => ({
      ...finding,
      code: most?.[0] ?? null,
    })),
    ...some("unapproved", "warning", waiting),
    ...some("node_version", "warning", older),
  ];
}

/** A refused key needs its owner, other failures may pass by themselves. */
function worstOf(penalties: readonly Penalty[]): string | null {
  const codes = penalties.map(({ code }) => code);
  return codes.find((code) => code === "upstream_auth") ?? codes[0] ?? null;
}

async function ofStored({ store, clock }: AppParts): Promise<Finding[]> {
  const now = clock.now();
  const [lost, backup, oldestAt, kept] = await Promise.all([
    store.nodes.lostSince(now - DAY_MS, MAX_NODES),
    store.sharedItems.find(LAST_BACKUP, now),
    store.users.oldestAt(),
    store.sharedItems.find(KEPT_ADMINISTRATOR, now),
  ]);
  const nodes = lost.nodes.map(({ id, name, label }) => ({ id, name: label ?? name }));
  return [
    ...(lost.count > 0
      ? [{ kind: "lost", severity: "warning", count: lost.count, nodes } as const]
      : []),
    ...ofBackup(backup === null ? null : Number(backup), {
      now,
      beganAt: oldestAt ?? now,
      kind: store.kind,
    }),
    ...(kept === null
      ? []
      : [{ kind: "kept_administrator", severity: "warning", detail: kept } as const]),
  ];
}

async function ofBudgets(budgets: Pick<TightBudgets, "holders">): Promise<Finding[]> {
  const all = await budgets.holders();
  if (all.length === 0) return [];
  const holders = all.slice(0, MAX_HOLDERS);
  const shown = holders.map(({ name }) => name).join(", ");
  const detail = all.length > MAX_HOLDERS ? `${shown}, …` : shown;
  return [{ kind: "budgets", severity: "warning", count: all.length, detail, holders }];
}

/** PostgreSQL has tools of its own: there, only a habit that has ended is worth a word. */
function ofBackup(
  at: number | null,
  { now, beganAt, kind }: { now: number; beganAt: number; kind: "sqlite" | "postgres" },
): Finding[] {
  if (at === null && kind === "postgres") return [];
  if ((at ?? beganAt) > now - BACKUP_WITHIN_MS) return [];
  return [{ kind: "backup", severity: "warning", at }];
}

function some(kind: AttentionKind, severity: Attention["severity"], nodes: Named[]): Finding[] {
  if (nodes.length === 0) return [];
  return [{ kind, severity, count: nodes.length, nodes: nodes.slice(0, MAX_NODES) }];
}

function named({ who, label, offer }: Node): Named {
  return { id: who.publicId, name: label ?? offer.name };
}
