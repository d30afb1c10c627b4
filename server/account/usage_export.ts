/** Usage as rows of a table, for spreadsheets and invoices: read and sent piece by piece, however much there is. */

import type { UsageExportColumn, UsageExportFilter } from "../../api/mod.ts";
import { othersTurn } from "../../protocol/mod.ts";
import { type Clock, DAY_MS } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { TimeZone, wholeHour } from "../base/time_zone.ts";
import type { Store } from "../store/store.ts";
import type { ExportColumn, ExportedUsage, UsageExportQuery } from "../store/usage_export.ts";

export interface UsageExportOptions {
  store: Pick<Store, "usage" | "users" | "keys">;
  groups: { namesOf(accountId: string): string[]; list(): { name: string }[] };
  clock: Clock;
}

/** A row by the names of its columns. */
export type ExportRow = Record<string, string | number>;

/** Pieces of the file, each with a bounded number of rows. */
export interface UsageFile {
  columns: readonly string[];
  pages: AsyncGenerator<ExportRow[]>;
  /** The first and the last day. */
  days: [string, string];
}

const DEFAULT_DAYS = 30;
const MAX_DAYS = 400;

/** Rows of one statement. */
const PAGE_ROWS = 2_000;
/** Accounts of one statement. */
const PAGE_ACCOUNTS = 50;
/** Rows that are added up in memory, where accounts are by their groups. */
const MAX_CELLS = 50_000;

const DELETED_ACCOUNT = "deleted account";
/** The account's own key has no name. */
const OWN_KEY = "own key";

const sums = ["calls", "errors", "prompt_tokens", "completion_tokens"] as const;

interface Span {
  from: number;
  to: number;
}

/** Every method throws `store_unavailable` while the database is away. */
export class UsageExport {
  constructor(private readonly options: UsageExportOptions) {}

  /**
   * The usage of an account, or of all (null). Throws `invalid_request` for an empty range, one of
   * more than 400 days, and an unknown zone; `pages` throws `too_many` where groups make too many rows.
   */
  file(accountId: string | null, filter: UsageExportFilter): UsageFile {
    const { by = accountId === null ? ["day", "account", "model"] : ["day", "key", "model"] } =
      filter;
    const wanted = new Set<UsageExportColumn>(by);
    const calendar = calendarOf({ ...filter, to: filter.to ?? this.options.clock.now() });
    const columns = [...columnsOf(wanted), ...sums];
    const rows = this.#rows(accountId, wanted, calendar);
    return { columns, pages: rows, days: [calendar.dateOf(calendar.first), calendar.lastDate] };
  }

  #rows(
    accountId: string | null,
    by: ReadonlySet<UsageExportColumn>,
    calendar: Calendar,
  ): AsyncGenerator<ExportRow[]> {
    if (accountId !== null) return this.#pages([accountId], by, calendar);
    if (by.has("account") || by.has("key")) return this.#ofAccounts(by, calendar);
    return by.has("group") ? this.#ofGroups(by, calendar) : this.#pages(null, by, calendar);
  }

  async *#ofAccounts(by: ReadonlySet<UsageExportColumn>, calendar: Calendar) {
    for await (const ids of this.#accounts()) yield* this.#pages(ids, by, calendar);
  }

  async *#accounts(): AsyncGenerator<string[]> {
    for (let last = "";;) {
      const ids = await this.options.store.users.ids(last, PAGE_ACCOUNTS);
      if (ids.length > 0) yield ids;
      if (ids.length < PAGE_ACCOUNTS) return;
      last = ids.at(-1)!;
    }
  }

  /** An account counts for each of its groups. */
  async *#ofGroups(by: ReadonlySet<UsageExportColumn>, calendar: Calendar) {
    const cells = new Map<string, ExportRow>();
    for await (const ids of this.#accounts()) {
      for await (const found of this.#found(ids, by, calendar)) {
        for (const usage of found) {
          for (const group of this.options.groups.namesOf(usage.accountId)) {
            const row = { ...keysOf(usage, by, calendar), group };
            const id = JSON.stringify(Object.values(row));
            const cell = cells.get(id) ?? { ...row, ...zero };
            for (const sum of sums) cell[sum] = Number(cell[sum]) + figuresOf(usage)[sum];
            cells.set(id, cell);
            if (cells.size > MAX_CELLS) throw tooMany();
          }
        }
      }
    }
    const rows = [...cells].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row);
    for (let at = 0; at < rows.length; at += PAGE_ROWS) yield rows.slice(at, at + PAGE_ROWS);
  }

  async *#pages(
    accountIds: readonly string[] | null,
    by: ReadonlySet<UsageExportColumn>,
    calendar: Calendar,
  ): AsyncGenerator<ExportRow[]> {
    const { store: { users, keys }, groups } = this.options;
    for await (const found of this.#found(accountIds, by, calendar)) {
      const ids = [...new Set(found.map(({ accountId }) => accountId))];
      const [emails, names] = await Promise.all([
        by.has("account") && accountIds !== null ? users.emails(ids) : new Map<string, string>(),
        by.has("key") ? keys.namesOf(found.map(({ keyId }) => keyId)) : new Map<string, string>(),
      ]);
      yield found.map((usage) => {
        const { accountId, keyId } = usage;
        return {
          ...keysOf(usage, by, calendar),
          ...(by.has("account") && {
            account_id: accountId,
            account: emails.get(accountId) ?? DELETED_ACCOUNT,
          }),
          ...(by.has("group") && { group: groups.namesOf(accountId).join("; ") }),
          ...(by.has("key") && { key_id: keyId, key: names.get(keyId) || OWN_KEY }),
          ...figuresOf(usage),
        };
      });
    }
  }

  /** Pages of usage. Of time that is full of rows less is asked for at once, so that no statement grows long. */
  async *#found(
    accountIds: readonly string[] | null,
    by: ReadonlySet<UsageExportColumn>,
    calendar: Calendar,
  ): AsyncGenerator<ExportedUsage[]> {
    const { usage } = this.options.store;
    const { first, end, step, offsets, span } = calendar;
    const query = { accountIds, by: storedColumns(by), step, ...(offsets && { offsets }) };
    const page = async (part: Span, after: ExportedUsage | null) => {
      // SQLite answers within the turn: pages without a pause would hold up every other request.
      await othersTurn();
      return await usage.exported(
        { ...query, ...part, after, limit: PAGE_ROWS } satisfies UsageExportQuery,
      );
    };
    // A row for the whole time cannot be read in parts.
    let days = end - first;
    for (let day = first; day < end;) {
      const until = Math.min(end, day + days);
      let found = await page(span(day, until), null);
      if (found.length === PAGE_ROWS && by.has("day") && days > 1) {
        days = Math.ceil(days / 2);
        continue;
      }
      while (found.length > 0) {
        yield found;
        if (found.length < PAGE_ROWS) break;
        found = await page(span(day, until), found.at(-1)!);
      }
      day = until;
    }
  }
}

type Calendar = ReturnType<typeof calendarOf>;

function calendarOf({ from: asked, to, zone: name }: UsageExportFilter & { to: number }) {
  const from = asked ?? to - (DEFAULT_DAYS - 1) * DAY_MS;
  if (from >= to) {
    throw new ColinkError("invalid_request", "Cannot export usage: from must be before to", {
      param: "from",
      problem: { code: "wrong_order" },
    });
  }
  if (to - from > MAX_DAYS * DAY_MS) {
    throw new ColinkError(
      "invalid_request",
      `Cannot export usage: that is more than ${MAX_DAYS} days; export it in parts`,
      { param: "from", problem: { code: "too_many_days", limit: MAX_DAYS } },
    );
  }
  const zone = new TimeZone(name ?? "UTC", from, to);
  const [first, end] = [zone.dayOf(from), zone.dayOf(to - 1) + 1];
  // Days of UTC are kept as such; those of other zones are made from hours.
  const isUtc = zone.offsets.every(({ offsetMs }) => offsetMs === 0);
  const dateOf = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);
  return {
    first,
    end,
    step: isUtc ? "day" as const : "hour" as const,
    ...(isUtc ? {} : { offsets: zone.offsets }),
    span: (since: number, until: number): Span => ({
      from: wholeHour(zone.startOf(since)),
      to: wholeHour(zone.startOf(until)),
    }),
    dayOf: (at: number) => isUtc ? at / DAY_MS : at,
    dateOf,
    lastDate: dateOf(end - 1),
  };
}

const zero = Object.fromEntries(sums.map((sum) => [sum, 0]));

function storedColumns(by: ReadonlySet<UsageExportColumn>): Set<ExportColumn> {
  const columns = new Set<ExportColumn>();
  if (by.has("day")) columns.add("at");
  if (by.has("key")) columns.add("key");
  if (by.has("model")) columns.add("model");
  return columns;
}

/** The columns' names, in the order of a row. */
function columnsOf(by: ReadonlySet<UsageExportColumn>): string[] {
  return [
    ...(by.has("day") ? ["day"] : []),
    ...(by.has("account") ? ["account_id", "account"] : []),
    ...(by.has("group") ? ["group"] : []),
    ...(by.has("key") ? ["key_id", "key"] : []),
    ...(by.has("model") ? ["model"] : []),
  ];
}

function keysOf(
  { at, model }: ExportedUsage,
  by: ReadonlySet<UsageExportColumn>,
  { dayOf, dateOf }: Calendar,
): ExportRow {
  return {
    ...(by.has("day") && { day: dateOf(dayOf(at)) }),
    ...(by.has("model") && { model }),
  };
}

function figuresOf(usage: ExportedUsage) {
  return {
    calls: usage.calls,
    errors: usage.errors,
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
  };
}

function tooMany(): ColinkError {
  return new ColinkError(
    "too_many",
    `Cannot export usage: groups, days and models make more than ${MAX_CELLS} rows; ask for less time, or leave one out`,
  );
}
