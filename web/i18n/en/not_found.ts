/** The page for unknown paths, in English. */

export const notFound = {
  title: "There is nothing here",
  text: "The address may be mistyped, or the page has moved.",
  action: "Go home",
} as const;
