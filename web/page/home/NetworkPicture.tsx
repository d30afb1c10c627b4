/** A picture of the network: a caller, the gateway, and a point for each connected node. */

import { messages } from "../../state/locale.ts";
import * as style from "./NetworkPicture.module.css";

/** More points would no longer look like single machines. */
const MAX_POINTS = 9;
/** Empty points drawn while no node is connected. */
const IDLE_POINTS = 5;

const width = 440;
const height = 300;
const caller = { x: 52, y: height / 2 };
const gateway = { x: 190, y: height / 2 };
const nodesX = 372;

export function NetworkPicture({ nodes }: { nodes: number }) {
  const t = messages.value.home;
  const isIdle = nodes === 0;
  const points = isIdle ? IDLE_POINTS : Math.min(nodes, MAX_POINTS);
  const places = Array.from({ length: points }, (_, i) => place(i, points));
  return (
    <svg
      class={isIdle ? `${style.network} ${style.idle}` : style.network}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={t.picture(nodes)}
    >
      <path
        class={`${style.link} ${style.toGateway}`}
        d={`M${caller.x + 14} ${caller.y}H${gateway.x - 34}`}
      />
      {places.map(({ x, y }, i) => <path key={i} class={style.link} d={curve(x, y)} />)}
      <circle class={style.caller} cx={caller.x} cy={caller.y} r="12" />
      <rect
        class={style.gateway}
        x={gateway.x - 30}
        y={gateway.y - 30}
        width="60"
        height="60"
        rx="16"
      />
      <path
        class={style.sign}
        d={`M${gateway.x - 12} ${gateway.y}h24m-8-8 8 8-8 8`}
      />
      {places.map(({ x, y }, i) => <circle key={i} class={style.node} cx={x} cy={y} r="9" />)}
      <text x={caller.x} y={caller.y + 36}>{t.pictureYou}</text>
      <text x={gateway.x} y={gateway.y + 54}>{t.pictureGateway}</text>
    </svg>
  );
}

/** The point's position on a shallow arc, evenly spaced from top to bottom. */
function place(i: number, count: number): { x: number; y: number } {
  const at = count === 1 ? 0 : i / (count - 1) - 0.5;
  return { x: nodesX + 26 - 104 * at * at, y: height / 2 + at * (height - 44) };
}

function curve(x: number, y: number): string {
  const from = gateway.x + 34;
  const bend = (from + x) / 2;
  return `M${from} ${gateway.y}C${bend} ${gateway.y} ${bend} ${y} ${x - 13} ${y}`;
}
