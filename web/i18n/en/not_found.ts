/** The page for paths that are none of ours, in English. */

export const notFound = {
  title: "There is nothing here",
  text: "The address may be mistyped, or the page has moved.",
  action: "Go home",
} as const;
