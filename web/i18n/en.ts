/** Every text of the console, in English: the shape that other languages must fill. */

const number = new Intl.NumberFormat("en");

function count(n: number, one: string, many: string): string {
  return `${number.format(n)} ${n === 1 ? one : many}`;
}

function wait(seconds: number): string {
  return seconds < 100
    ? `${number.format(seconds)} s`
    : count(Math.ceil(seconds / 60), "minute", "minutes");
}

export const en = {
  languageSwitch: { label: "中文", lang: "zh-CN" },
  skipToContent: "Skip to content",
  loading: "Loading…",
  tryAgain: "Try again",
  cancel: "Cancel",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Select the text and press Ctrl+C",
  show: "Show",
  hide: "Hide",
  online: (nodes: number, models: number) =>
    `${count(nodes, "node", "nodes")} online, ${count(models, "model", "models")}`,

  nav: {
    label: "Main",
    menu: "Menu",
    home: "Home",
    dashboard: "Dashboard",
    nodes: "Nodes",
    signIn: "Sign in",
    signOut: "Sign out",
    register: "Create account",
    theme: { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" },
  },

  home: {
    title: "Home",
    headline: "Many people’s models, one address.",
    lead:
      "Machines with models on them dial out to this gateway. Your programs call all of them through one OpenAI-compatible API.",
    nobodyOnline: "Nobody is online right now",
    joinTitle: "How to join",
    steps: [
      {
        title: "Make an account",
        text: "You get two tokens: one that calls models, one that connects machines.",
      },
      {
        title: "Call a model",
        text:
          "Give any OpenAI SDK this address and your key. Nothing else in your program changes.",
      },
      {
        title: "Share a machine",
        text:
          "Run the client beside Ollama, vLLM or an API key. It dials out, so it needs no open port, and provider keys never leave it.",
      },
    ],
    picture: (nodes: number) =>
      `Your program calls the gateway, and the gateway calls ${count(nodes, "node", "nodes")}`,
    pictureYou: "your program",
    pictureGateway: "Co-Link",
    welcome: "Welcome back",
    checklistTitle: "First steps",
    checklistDone: "All done. The network is yours to use.",
    done: "done",
    toDo: "to do",
    checks: {
      online: {
        title: "A model is online",
        open: "No node is connected yet. Share a machine, or wait for somebody else’s.",
        action: "See nodes",
      },
      called: {
        title: "Make your first call",
        open: "Copy a ready line from the dashboard and run it.",
        action: "Get the line",
      },
      provided: {
        title: "Share a machine",
        open: "Connect one node and serve a first call with it.",
        action: "Get the config",
      },
    },
  },

  account: {
    registerTitle: "Create an account",
    registerLead: "It takes an e-mail address and a password. You can call models at once.",
    registerAction: "Create account",
    haveAccount: "Already have an account?",
    loginTitle: "Sign in",
    loginAction: "Sign in",
    noAccount: "No account yet?",
    sessionEnded: "Your session has ended. Sign in to go on where you were.",
    email: "E-mail",
    password: "Password",
    passwordHint: "8 to 72 bytes; a sentence is easier to keep than a riddle.",
    showPassword: "Show password",
    invite: "Invite code",
    inviteHint: "This gateway is open to invited people only.",
    closedTitle: "Registration is closed",
    closedText: "Ask whoever runs this gateway for an account.",
    problems: {
      emailMissing: "Enter your e-mail address.",
      emailWrong: "This does not look like an e-mail address.",
      passwordMissing: "Enter your password.",
      passwordShort: "Too short: it needs at least 8 bytes.",
      passwordLong: (bytes: number) => `Too long: ${number.format(bytes)} bytes, 72 fit.`,
      inviteMissing: "Enter the invite code you were given.",
    },
  },

  dashboard: {
    title: "Dashboard",
    memberSince: (day: string) => `Member since ${day}`,
    totals: "Totals",
    callsMade: "Calls made",
    callsMadeHint: "with your API key",
    callsProvided: "Calls provided",
    callsProvidedHint: "by your nodes",
    tokensTitle: "Tokens",
    apiToken: "API key",
    apiTokenHint: "Calls models. Use it as the key in any OpenAI SDK.",
    clientToken: "Node token",
    clientTokenHint: "Connects machines. It goes into config.yaml.",
    rotate: "Rotate",
    rotated: "The new one is in place; the old one has stopped working.",
    unreadable:
      "The gateway’s secret has changed, so this token no longer works. Rotate it to get a new one.",
    rotateApi: {
      title: "Rotate the API key?",
      text: "Programs that use the old key stop working within five seconds, open streams too.",
    },
    rotateClient: {
      title: "Rotate the node token?",
      text:
        "Nodes that use the old token are disconnected within five seconds, until you put the new one into their config.yaml.",
    },
    callTitle: "Call a model",
    callText: "Copying puts your real key in.",
    model: "Model",
    language: "Language",
    noModel:
      "No model is online right now, so the examples name a placeholder. They fill in by themselves once one is.",
    shareTitle: "Share a machine",
    shareText:
      "Save this as config.yaml beside the client, then start it. Copying puts your token in.",
    shareRun: "Start the client",
    upstream: "What it serves",
  },

  nodes: {
    title: "Nodes",
    lead: "Machines that are connected now.",
    summary: (busy: number, slots: number) =>
      `${number.format(busy)} of ${count(slots, "slot", "slots")} in use`,
    slots: (active: number, max: number) => `${number.format(active)} / ${number.format(max)}`,
    slotsLabel: "Calls in flight",
    models: "Models",
    noModels: "Offers no model",
    more: (n: number) => `+${number.format(n)} more`,
    fewer: "Fewer",
    connected: (age: string) => `connected ${age}`,
    states: {
      ready: "Ready",
      busy: "Busy",
      probing: "On trial",
      penalized: "Penalised",
      draining: "Draining",
      paused: "Paused",
      unapproved: "Awaits approval",
    },
    /** Empty where what stands against the node says it all. */
    causes: {
      ready: "Takes calls.",
      busy: "Every slot is in use; new calls go to other nodes or wait.",
      probing: "",
      penalized: "",
      draining: "Finishes what runs and takes nothing new.",
      paused: "Its owner has paused it: it gets no calls until it is resumed.",
      unapproved: "It gets no calls until an administrator approves it.",
    },
    away: (why: string, seconds: number) => `${why} No calls for another ${wait(seconds)}.`,
    tried: (why: string) =>
      `${why} Its penalty is over; it gets one call at a time until one succeeds.`,
    ofModel: (model: string, text: string) => `${model}: ${text}`,
    unknownReason: "A call failed on it.",
    fullStop: ".",
    emptyTitle: "No node is connected",
    emptyText:
      "Run the client on a machine that has Ollama, vLLM, another model server or a provider’s key. It appears here within seconds.",
    emptySignedIn: "Get your config.yaml",
    emptySignedOut: "Create an account to add one",
    add: "Add a node",
    lost: (age: string) => `Connection to the gateway lost. What you see is from ${age}; retrying.`,
  },

  notFound: {
    title: "There is nothing here",
    text: "The address may be mistyped, or the page has moved.",
    action: "Go home",
  },

  /** By the gateway's code. A code that is not here is shown in the gateway's own words. */
  errors: {
    unreachable: "The gateway cannot be reached. Check your connection and try again.",
    unknown: "The gateway answered in a way that was not understood. Try again in a moment.",
    internal_error: "Something went wrong in the gateway. Try again in a moment.",
    store_unavailable: "The gateway cannot reach its database. Try again in a moment.",
    shutting_down: "The gateway is restarting. Try again in a moment.",
    email_taken: "This e-mail address already has an account. Sign in instead.",
    weak_password: "Choose a password of 8 to 72 bytes.",
    invalid_credentials: "E-mail or password is wrong.",
    login_throttled: "Too many attempts.",
    rate_limit_exceeded: "Too many requests.",
    registration_closed: "Registration is closed on this gateway.",
    invite_required: "This invite code is not valid. Ask for a new one.",
    origin_refused: "The gateway refused this page’s address. Open the console at its usual one.",
  },
  retryAfter: (failure: string, seconds: number) => `${failure} Try again in ${wait(seconds)}.`,
  pageBroke: "This page broke. Reload it; if it happens again, tell whoever runs this gateway.",
} as const;

type Filled<T> = T extends string ? string
  : T extends (...values: infer V) => string ? (...values: V) => string
  : { readonly [K in keyof T]: Filled<T[K]> };

/** What a language has to say. A missing key fails the type check. */
export type Messages = Filled<typeof en>;
