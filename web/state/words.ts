/** Looking texts up by what the gateway says: it may say what this console has no words for yet. */

export function has<T extends object>(table: T, key: PropertyKey): key is keyof T {
  return Object.hasOwn(table, key);
}
