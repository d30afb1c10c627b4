/** The console's icons, in the colour of the surrounding text. */

/** SVG paths on a 16 × 16 grid; stroked, and also filled for the names in `filled`. */
const paths = {
  check: "M3 8.5 6.5 12 13 4.5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  eye:
    "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6z",
  eyeOff:
    "M2.5 2.5l11 11M6.3 3.7A6 6 0 0 1 8 3.5c4 0 6.5 4.5 6.5 4.5a12 12 0 0 1-2 2.5M4 5a12 12 0 0 0-2.5 3S4 12.5 8 12.5a6 6 0 0 0 2.8-.7",
  rotate: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v2.8h-2.8",
  menu: "M2 4.5h12M2 8h12M2 11.5h12",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  sun:
    "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.2v1.4M8 13.4v1.4M1.2 8h1.4M13.4 8h1.4M3.2 3.2l1 1M11.8 11.8l1 1M12.8 3.2l-1 1M4.2 11.8l-1 1",
  moon: "M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z",
  system: "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3 13.5 13.5",
  chart: "M2.5 13.5h11M4.5 11V8M8 11V3M11.5 11V6",
  server: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.1M5 11h.1",
  model: "M8 1.8 13.5 5v6L8 14.2 2.5 11V5zM2.5 5 8 8.2 13.5 5M8 8.2v6",
  chat: "M2.5 3h11v8h-6l-3 2.5V11h-2z",
  key: "M10.3 2.5a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4zM8 8 2.5 13.5M4.5 11.5l1.8 1.8",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1",
  settings:
    "M8 5.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4zM8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M12.4 3.6 11 5M5 11l-1.4 1.4",
  shield: "M8 1.8 13 3.6v4c0 3.2-2.1 5.4-5 6.6-2.9-1.2-5-3.4-5-6.6v-4z",
  leave: "M6.5 2.5h-4v11h4M6 8h7.5M10.5 5l3 3-3 3",
  plus: "M8 3v10M3 8h10",
  trash: "M2.5 4h11M6 4V2.5h4V4M4 4l.6 9.5h6.8L12 4M6.8 6.5v4.5M9.2 6.5v4.5",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2 12.5 8 5 12.8z",
  stop: "M4 4h8v8H4z",
  edit: "M10.5 3 13 5.5 6 12.5l-3.2.7.7-3.2zM9 4.5 11.5 7",
  send: "M8 13V3M3.8 7.2 8 3l4.2 4.2",
  image: "M2.5 3h11v10h-11zM2.5 11l3.3-3.4 2.6 2.6 2-2 3.1 3.1M10.6 5.6h.1",
  code: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
  down: "M4 6l4 4 4-4",
  split: "M2.5 3h11v10h-11zM8 3v10",
  home: "M2.5 7.5 8 2.5l5.5 5M4 6.5v7h8v-7",
  globe:
    "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM1.8 8h12.4M8 1.8c2 1.8 2.8 4 2.8 6.2S10 12.4 8 14.2C6 12.4 5.2 10.2 5.2 8S6 3.6 8 1.8z",
  user: "M8 2.5a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM2.5 13.8c.6-2.6 2.8-4 5.5-4s4.9 1.4 5.5 4",
  away: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  book:
    "M8 4c-1.5-1-3.5-1.3-6-1.3v10c2.5 0 4.5.3 6 1.3 1.5-1 3.5-1.3 6-1.3v-10c-2.5 0-4.5.3-6 1.3zM8 4v10",
  arrow: "M3 8h10M9 4l4 4-4 4",
  warning: "M8 2.2 14.6 13.5H1.4zM8 6.5v3M8 11.4v.2",
  info: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM8 7.3v3.6M8 5v.2",
  ready: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  busy: "M8 3a5 5 0 1 1 0 10zM8 3a5 5 0 0 0 0 10",
  probing: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM8 8v.1",
  penalized: "M8 2.2 14.6 13.5H1.4zM8 6.5v3M8 11.4v.2",
  draining: "M8 2.5v7.5M4.5 7 8 10.5 11.5 7M3 13.5h10",
  paused: "M5.5 3.5v9M10.5 3.5v9",
  reconnecting: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  unapproved: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM8 4.5V8l2.5 1.5",
} as const;

export type IconName = keyof typeof paths;

const filled: ReadonlySet<IconName> = new Set(["ready"]);

/** Decoration only, hidden from screen readers. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={paths[name]}
        fill={filled.has(name) ? "currentColor" : "none"}
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
