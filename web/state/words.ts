/** Whether a table of texts has one for the gateway's code: a newer gateway may know codes that this console does not. */

export function has<T extends object>(table: T, key: PropertyKey): key is keyof T {
  return Object.hasOwn(table, key);
}
