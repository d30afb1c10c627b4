/** All that is known of accounts, built once: for the gateway, and for commands that need none. */

import { Accounts } from "./account/accounts.ts";
import { AuditLog } from "./account/audit_log.ts";
import { CallHistory } from "./account/call_history.ts";
import { Invites } from "./account/invites.ts";
import type { Keyring } from "./account/keyring.ts";
import { Keys } from "./account/keys.ts";
import { SessionBook } from "./account/session_book.ts";
import { Sessions } from "./account/sessions.ts";
import { Settings } from "./account/settings.ts";
import { Setup } from "./account/setup.ts";
import type { TokenVault } from "./account/tokens.ts";
import { UsageReport } from "./account/usage_report.ts";
import type { Config } from "./base/config.ts";
import type { Limits } from "./limit/open.ts";
import type { Log } from "./base/log.ts";
import type { Store } from "./store/store.ts";

export interface Members {
  accounts: Accounts;
  setup: Setup;
  sessions: SessionBook;
  keys: Keys;
  invites: Invites;
  settings: Settings;
  audit: AuditLog;
  history: CallHistory;
  usage: UsageReport;
}

export interface MembersParts {
  store: Store;
  vault: TokenVault;
  keyring: Keyring;
  limits: Limits;
  log: Log;
}

export function createMembers(
  config: Config,
  { store, vault, keyring, limits, log }: MembersParts,
): Members {
  const { registration, defaultRpm, nodeApproval } = config;
  const fallback = { registration, defaultRpm, nodeApproval };
  const settings = new Settings({ store, fallback, log });
  const sessions = new SessionBook({ store, sessions: new Sessions(config.jwtSecret), log });
  const keys = new Keys({ store, vault, keyring });
  const audit = new AuditLog({ store });
  const accounts = new Accounts({
    store,
    vault,
    keys,
    sessions,
    keyring,
    failures: limits.failures,
    registration: () => settings.values.registration,
    onRefused(email, address) {
      const nobody = { accountId: null, email: null, address };
      audit.write(nobody, { action: "session.refused", target: email }).catch((error) => {
        log.warn({ cause: String(error) }, "could not write down a refused sign-in");
      });
    },
  });
  return {
    accounts,
    setup: new Setup({ secret: config.jwtSecret, store, accounts }),
    sessions,
    keys,
    invites: new Invites({ store }),
    settings,
    audit,
    history: new CallHistory(store),
    usage: new UsageReport({ store, minutesMs: config.minutesMs }),
  };
}
