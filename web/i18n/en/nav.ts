/** The navbar and its menus, in English. */

export const nav = {
  label: "Main",
  menu: "Menu",
  home: "Home",
  pages: {
    dashboard: "Dashboard",
    nodes: "Nodes",
    models: "Models",
    playground: "Playground",
    keys: "Keys",
    budgets: "Budgets",
    calls: "Calls",
    settings: "Settings",
    admin: "Administration",
  },
  manual: "Manual",
  search: "Search",
  account: "Your account",
  roles: { user: "User", admin: "Admin" },
  signIn: "Sign in",
  signOut: "Sign out",
  register: "Create account",
  theme: { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" },
} as const;
