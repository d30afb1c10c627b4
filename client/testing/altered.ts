/** Replaces one value inside JSON, for tests of parsers. */

/** A copy of the value with the member at `position` replaced. */
export function altered(value: object, position: number, other: unknown): object {
  const copy = JSON.parse(JSON.stringify(value));
  const places = placesIn(copy);
  const [holder, key] = places[position % places.length]!;
  holder[key] = other;
  return copy;
}

function placesIn(value: unknown): [Record<string, unknown>, string][] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [[holder, key], ...placesIn(holder[key])]);
}
