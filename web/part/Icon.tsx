/** The console's few pictures, drawn in the colour of the text around them. */

/** On a 16 × 16 grid; stroked, unless the name is in `filled`. */
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
  arrow: "M3 8h10M9 4l4 4-4 4",
  warning: "M8 2.2 14.6 13.5H1.4zM8 6.5v3M8 11.4v.2",
  info: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM8 7.3v3.6M8 5v.2",
  ready: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  busy: "M8 3a5 5 0 1 1 0 10zM8 3a5 5 0 0 0 0 10",
  probing: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM8 8v.1",
  penalized: "M8 2.2 14.6 13.5H1.4zM8 6.5v3M8 11.4v.2",
  draining: "M8 2.5v7.5M4.5 7 8 10.5 11.5 7M3 13.5h10",
  paused: "M5.5 3.5v9M10.5 3.5v9",
  unapproved: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM8 4.5V8l2.5 1.5",
} as const;

export type IconName = keyof typeof paths;

const filled: ReadonlySet<IconName> = new Set(["ready"]);

/** Decoration only: the text beside it, or the button's label, says the same. */
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
