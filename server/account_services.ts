/** The services about accounts, built once: for the gateway, and for commands that run without one. */

import { AccountDeletion } from "./account/account_deletion.ts";
import { Accounts } from "./account/accounts.ts";
import { AuditLog } from "./account/audit_log.ts";
import { CallHistory } from "./account/call_history.ts";
import { Groups } from "./account/groups.ts";
import { Invites } from "./account/invites.ts";
import { Joining } from "./account/joining.ts";
import { Keyring } from "./account/keyring.ts";
import { Keys } from "./account/keys.ts";
import { LentBook } from "./account/lent.ts";
import { Names } from "./account/names.ts";
import { NetworkLimits } from "./account/network_limits.ts";
import { PasswordResets } from "./account/password_resets.ts";
import type { Fetch } from "./account/oidc/bounded_fetch.ts";
import { Entitlements } from "./account/oidc/entitlements.ts";
import { SignInProvider } from "./account/oidc/sign_in_provider.ts";
import { ProviderChecks } from "./account/oidc/provider_checks.ts";
import { ProviderSignIn } from "./account/oidc/provider_sign_in.ts";
import { Passwords } from "./account/passwords.ts";
import { SessionBook } from "./account/session_book.ts";
import { Sessions } from "./account/sessions.ts";
import { Settings } from "./account/settings.ts";
import { Setup } from "./account/setup.ts";
import { TokenVault } from "./account/tokens.ts";
import { UsageExport } from "./account/usage_export.ts";
import { UsageReport } from "./account/usage_report.ts";
import { Budgets } from "./base/budgets.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import type { Config } from "./base/config.ts";
import type { Log } from "./base/log.ts";
import { createLimits, type Limits } from "./limit/open.ts";
import { openStore } from "./store/open.ts";
import type { Store } from "./store/store.ts";

export interface AccountServicesParts {
  store: Store;
  limits: Limits;
  budgets: Budgets;
  clock: Clock;
  log: Log;
  /** Asks the sign-in provider; absent: the real one. */
  fetch?: Fetch | undefined;
}

export type AccountServices = ReturnType<typeof createAccountServices>;

export function createAccountServices(config: Config, parts: AccountServicesParts) {
  const { store, limits, budgets, clock, log, fetch } = parts;
  const vault = new TokenVault(config.jwtSecret);
  const keyring = new Keyring({ store, vault, clock, log });
  const { registration, defaultRpm, nodeApproval } = config;
  const fallback = { name: "", registration, defaultRpm, nodeApproval };
  const settings = new Settings({ store, fallback, clock, log });
  const jwts = new Sessions(config.jwtSecret, clock);
  const sessions = new SessionBook({ store, sessions: jwts, clock, log });
  const keys = new Keys({ store, vault, keyring, clock });
  const audit = new AuditLog({ store, clock });
  const networks = new NetworkLimits({ ...limits, config, budgets });
  const passwords = new Passwords({ budgets });
  const accounts = new Accounts({
    store,
    vault,
    keys,
    sessions,
    keyring,
    failures: limits.failures,
    networks,
    passwords,
    registration: () => settings.values.registration,
    clock,
    onRefused(email, address) {
      const actor = { accountId: null, email: null, address };
      audit.write(actor, { action: "session.refused", target: email }).catch((error) => {
        log.warn({ cause: String(error) }, "could not write down a refused sign-in");
      });
    },
  });
  const groups = new Groups({ store, clock, log });
  const provider = new SignInProvider({ config, clock, budgets, fetch });
  const granting = { config, store, groups, keyring, sessions, audit, clock, log };
  const entitlements = new Entitlements(granting);
  const vouching = { ...granting, provider, entitlements };
  return {
    vault,
    keyring,
    accounts,
    setup: new Setup({ secret: config.jwtSecret, store, accounts, clock }),
    providerSignIn: new ProviderSignIn({ ...vouching, accounts, networks }),
    providerChecks: new ProviderChecks(vouching),
    passwordResets: new PasswordResets({ config, store, passwords, networks, sessions, clock }),
    sessions,
    joining: new Joining({ store, vault, keys, networks, limiter: limits.limiter, clock }),
    keys,
    lent: new LentBook({ store, clock, log }),
    groups,
    deletion: new AccountDeletion({ store, keyring, sessions, groups, log }),
    invites: new Invites({ store, clock }),
    settings,
    names: new Names({ store, keyring, clock, log }),
    audit,
    history: new CallHistory(store),
    usageExport: new UsageExport({ store, groups, clock }),
    usage: new UsageReport({ store, groups, minutesMs: config.minutesMs, clock }),
  };
}

/** The services alone, for commands that need no listening gateway. Throws ColinkError. */
export async function openAccountServices(config: Config, log: Log): Promise<{
  services: AccountServices;
  store: Store;
  close: () => Promise<void>;
}> {
  const clock = systemClock;
  const store = await openStore({ databaseUrl: config.databaseUrl, dataDir: config.dataDir, log });
  await store.migrate();
  const limits = await createLimits({
    redisUrl: null,
    secret: config.jwtSecret,
    gateways: () => 1,
    clock,
    log,
  });
  const services = createAccountServices(config, {
    store,
    limits,
    budgets: new Budgets(),
    clock,
    log,
  });
  const close = async () => {
    await limits.close();
    await store.close();
  };
  return { services, store, close };
}
