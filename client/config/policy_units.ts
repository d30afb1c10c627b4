/** The values of a policy as owners write them: durations, sizes, counts, shares, hours. */

/** One stretch of local time on some days of the week. */
export interface Hours {
  /** Days on which it begins; 0 is Sunday, as in Date. */
  days: ReadonlySet<number>;
  /** Minutes after midnight. An end at or before the start is on the next day. */
  startMinute: number;
  endMinute: number;
}

export type PowerRule = { kind: "mains" } | { kind: "battery"; abovePercent: number };

const MINUTES_A_DAY = 24 * 60;

const units: Readonly<Record<string, number>> = Object.freeze({
  s: 1000,
  m: 60_000,
  h: 60 * 60_000,
  d: 24 * 60 * 60_000,
});

/** Milliseconds of `30s`, `10m`, `2h` or `1d`; null: it is none of these. */
export function parseDuration(text: string): number | null {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([smhd])$/.exec(text.trim()) ?? [];
  return number === undefined ? null : Number(number) * units[unit!]!;
}

const sizes: Readonly<Record<string, number>> = Object.freeze({
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
});

/** Bytes of `4GiB` or `500 MB`; null: it is no size with a unit. */
export function parseBytes(text: string): number | null {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([KMG]i?B)$/.exec(text.trim()) ?? [];
  return number === undefined ? null : Number(number) * sizes[unit!]!;
}

/** A count of at least 1, such as 200, `1.5k` or `2M`; null: it is none. */
export function parseCount(value: string | number): number | null {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([kM]?)$/.exec(String(value).trim()) ?? [];
  if (number === undefined) return null;
  const count = Number(number) * ({ k: 1e3, M: 1e6 }[unit] ?? 1);
  return Number.isSafeInteger(count) && count >= 1 ? count : null;
}

/** The share, from 0 to 1, of `< 70%`; null: it is no such bound. */
export function parseLoad(text: string): number | null {
  const [, percent] = /^<\s*(\d+(?:\.\d+)?)\s*%$/.exec(text.trim()) ?? [];
  const share = Number(percent) / 100;
  return percent !== undefined && share > 0 && share <= 1 ? share : null;
}

/** `mains`, or `battery > 60%`, which mains fulfil as well; null: it is neither. */
export function parsePower(text: string): PowerRule | null {
  if (text.trim() === "mains") return { kind: "mains" };
  const [, percent] = /^battery\s*>\s*(\d+)\s*%$/.exec(text.trim()) ?? [];
  const abovePercent = Number(percent);
  return percent !== undefined && abovePercent < 100 ? { kind: "battery", abovePercent } : null;
}

const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** `mon-fri 19:00-07:00`, `sat-sun`, `mon,wed` or `22:00-06:00`; null: it is none of these. */
export function parseHours(text: string): Hours | null {
  const words = text.trim().toLowerCase().split(/\s+/);
  const span = words.at(-1)?.includes(":") ? parseSpan(words.pop()!) : allDay;
  const days = words.length === 0 ? everyDay : words.length === 1 ? parseDays(words[0]!) : null;
  return span === null || days === null ? null : { days, ...span };
}

const everyDay: ReadonlySet<number> = new Set(dayNames.keys());
const allDay = { startMinute: 0, endMinute: MINUTES_A_DAY };

function parseDays(text: string): ReadonlySet<number> | null {
  const days = new Set<number>();
  for (const part of text.split(",")) {
    const [first, last = first, more] = part.split("-").map((name) => dayNames.indexOf(name));
    if (first === undefined || last === undefined || first < 0 || last < 0) return null;
    if (more !== undefined) return null;
    for (let day = first;; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days;
}

function parseSpan(text: string): Omit<Hours, "days"> | null {
  const [, ...digits] = /^(\d\d?):(\d\d)-(\d\d?):(\d\d)$/.exec(text) ?? [];
  if (digits.length === 0) return null;
  const [hour, minute, endHour, lastMinute] = digits.map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const [startMinute, endMinute] = [hour * 60 + minute, endHour * 60 + lastMinute];
  const isTime = minute < 60 && lastMinute < 60 && startMinute < MINUTES_A_DAY &&
    endMinute <= MINUTES_A_DAY && startMinute !== endMinute;
  return isTime ? { startMinute, endMinute } : null;
}
