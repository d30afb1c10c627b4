/** Processor time per streamed chunk: at the pace of models, and in bursts. */

import { RELAYED_MODEL, type Streaming } from "../chat.ts";
import { costRows } from "../cost_rows.ts";
import { type Cost, metered } from "../meter.ts";
import { interleaved } from "../rounds.ts";
import type { Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { loadWithStreams, type StreamLoadResult } from "../stream_load.ts";
import type { Target } from "../target.ts";
import type { StagedFigure } from "./figure.ts";

interface Kind {
  label: string;
  streams: number;
  paceMs: number;
  limit: number;
}

/** Long enough that asking for it counts for nothing. */
const BURST_CHUNKS = 5000;

const kinds: readonly Kind[] = [
  { label: "paced 10 ms, 50 streams", streams: 50, paceMs: 10, limit: 1.2 },
  { label: "paced 40 ms, 200 streams", streams: 200, paceMs: 40, limit: 1.2 },
  { label: "burst, 16 streams", streams: 16, paceMs: 0, limit: 2.5 },
];

export const chunkFigure: StagedFigure = {
  name: "chunk",
  about: "streamed chunks, paced and in bursts",
  async measure(stage) {
    const rows: Row[] = [];
    for (const kind of kinds) rows.push(...await measure(stage, kind));
    return rows;
  },
};

type ChunkSample = Cost & StreamLoadResult;

async function measure(stage: Stage, { label, streams, paceMs, limit }: Kind): Promise<Row[]> {
  const { size } = stage.bench;
  const loadMs = size.loadSeconds * 1000;
  const streaming: Streaming = paceMs === 0
    ? { chunks: BURST_CHUNKS, paceMs }
    : { chunks: Math.ceil(loadMs / paceMs), paceMs };
  const repeatMs = paceMs === 0 ? loadMs : 0;
  const load = (target: Target) => async (): Promise<ChunkSample> => {
    const { result, ...cost } = await metered(
      stage.watched,
      () => loadWithStreams({ target, model: RELAYED_MODEL, streams, streaming, repeatMs }),
    );
    stage.forgetLogs();
    if (result.broken > 0) throw new Error(`${label}: ${result.broken} streams were not whole`);
    return { ...cost, ...result };
  };
  const { nginx, floor, gateway } = stage.targets;
  const measured = await interleaved(
    { nginx: load(nginx), floor: load(floor), gateway: load(gateway) },
    size,
  );
  return costRows({
    figure: `CPU per chunk, ${label}`,
    measured,
    cost: cpuPerChunk,
    limits: paceMs === 0 ? { nginx: limit } : { nginx: limit, floor: 1.1 },
  });
}

function cpuPerChunk({ cpuMs, chunks }: ChunkSample, name: string): number {
  return (cpuMs[name] ?? 0) * 1000 / chunks;
}
