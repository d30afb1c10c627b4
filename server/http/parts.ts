/** The parts of the gateway that the handlers use; each takes from them what it needs. */

import type { Handler } from "hono";
import type { NodeMeasure, NodeView } from "../../api/mod.ts";
import type { AccountDeletion } from "../account/account_deletion.ts";
import type { Accounts } from "../account/accounts.ts";
import type { AuditLog } from "../account/audit_log.ts";
import type { CallHistory } from "../account/call_history.ts";
import type { Groups } from "../account/groups.ts";
import type { Invites } from "../account/invites.ts";
import type { Joining } from "../account/joining.ts";
import type { Keyring } from "../account/keyring.ts";
import type { Keys } from "../account/keys.ts";
import type { LentBook } from "../account/lent.ts";
import type { Names } from "../account/names.ts";
import type { ProviderSignIn } from "../account/oidc/provider_sign_in.ts";
import type { OwnNodes } from "../account/own_nodes.ts";
import type { PasswordResets } from "../account/password_resets.ts";
import type { SessionBook } from "../account/session_book.ts";
import type { Settings } from "../account/settings.ts";
import type { Setup } from "../account/setup.ts";
import type { UsageExport } from "../account/usage_export.ts";
import type { UsageReport } from "../account/usage_report.ts";
import type { Users } from "../account/users.ts";
import type { Calls } from "../call/calls.ts";
import type { ResponseAffinity } from "../call/response_affinity.ts";
import type { SharedAnswers } from "../call/shared_answers.ts";
import type { Relay } from "../call/relay.ts";
import type { BoundedLogs } from "../base/bounded_logs.ts";
import type { Clock } from "../base/clock.ts";
import type { ClusterView } from "../cluster/cluster.ts";
import type { PeerSocketData } from "../cluster/peer_socket.ts";
import type { Config } from "../base/config.ts";
import type { UsageBudgets } from "./usage_budgets.ts";
import type { Limiter } from "../limit/limiter.ts";
import type { Log } from "../base/log.ts";
import type { Memberships, Onlooker } from "../node/audience.ts";
import type { Hub } from "../node/hub.ts";
import type { Dialer } from "../node/link.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import type { LedgerWriter } from "../store/ledger_writer.ts";
import type { Store } from "../store/store.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import type { Origin } from "./address.ts";
import type { AnswerBudget } from "./answer_budget.ts";
import type { BodyBudget } from "./body_budget.ts";
import type { Downloads } from "./downloads.ts";
import type { AppContext } from "./env.ts";
import type { Live } from "./live/live.ts";
import type { Manual } from "./manual.ts";
import type { Metrics } from "./metrics.ts";
import type { RefusalLimit } from "./refusal_limit.ts";
import type { RequestRates } from "./request_rates.ts";
import type { SendQueues } from "./send_queues.ts";

/** What the web app needs of the cluster. */
interface ClusterGate {
  admit(headers: Headers): PeerSocketData | null;
  view(): ClusterView;
}

export interface AppParts {
  config: Config;
  version: string;
  /** UTC milliseconds. */
  startedAt: number;
  clock: Clock;
  log: Log;
  /** The log for lines that a stranger's request causes. */
  logs: Pick<BoundedLogs, "of">;
  store: Store;
  ledger: Pick<LedgerWriter, "pending" | "spooled" | "trouble">;
  accounts: Accounts;
  deletion: AccountDeletion;
  setup: Setup;
  providerSignIn: ProviderSignIn;
  passwordResets: PasswordResets;
  sessions: SessionBook;
  joining: Joining;
  keys: Keys;
  users: Users;
  groups: Groups;
  invites: Invites;
  settings: Settings;
  names: Names;
  audit: AuditLog;
  history: CallHistory;
  usage: UsageReport;
  usageExport: UsageExport;
  /** Nodes as their owners see them. */
  nodes: OwnNodes;
  lent: LentBook;
  /** A connected node, as the viewer's account sees it; null: it is not connected. */
  liveNode: (nodeId: string, onlooker: Onlooker) => NodeView | null;
  /** What the scheduler has measured of a connected node, by its public id. */
  measured: (nodeId: string) => NodeMeasure[];
  live: Live;
  scheduler: Pick<Scheduler, "waiting" | "waitingFor" | "callMs">;
  /** From 0 up to 1. */
  random: () => number;
  keyring: Keyring;
  limiter: Limiter;
  usageBudgets: UsageBudgets;
  hub: Hub;
  memberships: Memberships;
  penalties: PenaltyBook;
  calls: Calls;
  responseAffinity: ResponseAffinity;
  relay: Relay;
  sharedAnswers: SharedAnswers;
  metrics: Metrics;
  sendQueues: SendQueues;
  bodyBudget: BodyBudget;
  answerBudget: AnswerBudget;
  refusals: RefusalLimit;
  rates: RequestRates;
  origin: (c: AppContext) => Origin;
  /** The address of a proxy of the operator's, as it seems, that is not trusted; null: none was seen. */
  untrustedProxy: () => string | null;
  isDraining: () => boolean;
  /** Whether the dialer's link could go on with the session of a lost one here. */
  mayResume: (dialer: Dialer) => boolean;
  /** Null: this gateway is not part of a cluster. */
  cluster: ClusterGate | null;
  /** The certificate in use; null: the gateway speaks plain HTTP. */
  certificates: { readonly trouble: string | null; readonly validUntilMs: number | null } | null;
  /** Serves the console's files; null: it is not built. */
  console: Handler | null;
  /** Null: as the console. */
  manual: Manual | null;
  downloads: Downloads;
}
