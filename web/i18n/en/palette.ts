/** The command palette and the keyboard's shortcuts, in English. */

export const palette = {
  title: "Search pages, actions, models and nodes",
  placeholder: "Where to? What to do?",
  none: "Nothing fits. Try fewer letters.",
  groups: { pages: "Pages", actions: "Actions", models: "Models", nodes: "Nodes" },
  language: "Language: 中文",
  theme: { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" },
  help: "Keyboard shortcuts",
  focusFilter: "To the page’s filter",
} as const;
