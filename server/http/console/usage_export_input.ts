/** What the command line asks of an export, checked as the API checks it. */

import { UsageExportFilter } from "../../../api/mod.ts";
import { DAY_MS } from "../../base/clock.ts";
import { UsageError } from "../../base/read_config.ts";
import { t } from "../../texts.ts";
import { TimeZone } from "../../base/time_zone.ts";

interface Input {
  by: string;
  zone: string;
  format: string;
  from?: string;
  to?: string;
}

/** `from` and `to` are days of the zone, both included. Throws UsageError. */
export function readUsageExport({ from, to, ...others }: Input): UsageExportFilter {
  const start = (option: string, text: string, more: number) => {
    const day = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00Z`) : Number.NaN;
    if (Number.isNaN(day)) {
      throw new UsageError([t`--${option}=${text}: expected a day such as 2026-11-01`]);
    }
    return new TimeZone(others.zone, day, day + DAY_MS).startOf(day / DAY_MS + more);
  };
  const read = UsageExportFilter.safeParse({
    ...others,
    ...(from !== undefined && { from: start("from", from, 0) }),
    ...(to !== undefined && { to: start("to", to, 1) }),
  });
  if (read.success) return read.data;
  throw new UsageError(
    read.error.issues.map(({ path, message }) => `--${path.join(".")}: ${message}`),
  );
}
