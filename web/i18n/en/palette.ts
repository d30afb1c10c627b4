/** The command palette and the keyboard shortcuts, in English. */

export const palette = {
  findCall: (id: string) => `Show the call ${id}`,
  title: "Search pages, actions, models and nodes",
  placeholder: "Search pages, actions, models, nodes",
  none: "No results.",
  groups: { pages: "Pages", actions: "Actions", models: "Models", nodes: "Nodes" },
  language: "Language: 中文",
  theme: { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" },
  help: "Keyboard shortcuts",
} as const;
