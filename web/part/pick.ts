/** One of many, by its name. */

export interface Option {
  id: string;
  name: string;
}

/** Same names are distinguished by the end of their ids. */
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

/** The one of that name, otherwise all whose names have the text. */
export function matches(options: readonly Option[], text: string): Option[] {
  const same = options.find(({ name }) => name === text);
  if (same) return [same];
  const wanted = text.toLowerCase();
  return options.filter(({ name }) => name.toLowerCase().includes(wanted));
}
