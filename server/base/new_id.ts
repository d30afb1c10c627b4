/** Ids of rows and of calls. */

/**
 * Unguessable: 62 random bits behind the time. Ids that one process makes are in the order of their making,
 * also within a millisecond, so lists by time have one order, and ids that follow each other lie beside each
 * other in a table, where wholly random ones would make the database write a page for each.
 */
export function newId(prefix: string): string {
  return prefix + Bun.randomUUIDv7("buffer").toString("hex");
}
