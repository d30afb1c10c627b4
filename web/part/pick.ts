/** One of many, by its name. */

export interface Option {
  id: string;
  name: string;
}

/** Same names are told apart by the end of their ids. */
export function distinct(options: readonly Option[]): Option[] {
  const counts = new Map<string, number>();
  for (const { name } of options) counts.set(name, (counts.get(name) ?? 0) + 1);
  return options.map(({ id, name }) => ({
    id,
    name: counts.get(name) === 1 && name !== "" ? name : `${name} (${id.slice(-4)})`.trim(),
  }));
}

/**
 * Whether an input event put a name from the list into the field, which picks it at once: what is
 * typed, composed or deleted may become another name, and counts from Enter on.
 */
export function isChosen(inputType: string | undefined): boolean {
  return !/^(insert(Composition)?Text|delete)/.test(inputType ?? "");
}

/** The one whose name has the text; undefined: none, or more than one. */
export function onlyMatch(options: readonly Option[], text: string): Option | undefined {
  if (text === "") return undefined;
  const wanted = text.toLowerCase();
  const found = options.filter(({ name }) => name.toLowerCase().includes(wanted));
  return found.length === 1 ? found[0] : undefined;
}
