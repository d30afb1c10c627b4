/** Everything that is measured, in the order in which the table shows it. */

import { affinityFigure } from "./figure/affinity.ts";
import { answersFigure } from "./figure/answers.ts";
import { capacityFigure } from "./figure/capacity.ts";
import { chunkFigure } from "./figure/chunk.ts";
import { choiceFigure } from "./figure/choice.ts";
import type { Figure } from "./figure/figure.ts";
import { idleNodesFigure } from "./figure/idle_nodes.ts";
import { idleWorkFigure } from "./figure/idle_work.ts";
import { latencyFigure } from "./figure/latency.ts";
import { openStreamsFigure } from "./figure/open_streams.ts";
import { populationFigure } from "./figure/population.ts";
import { promptFigure } from "./figure/prompt.ts";
import { rateFigure } from "./figure/rate.ts";
import { requestFigure } from "./figure/request.ts";
import { resumeFigure } from "./figure/resume.ts";
import { startFigure } from "./figure/start.ts";
import { workersFigure } from "./figure/workers.ts";

export const figures: readonly Figure[] = [
  requestFigure,
  rateFigure,
  chunkFigure,
  latencyFigure,
  capacityFigure,
  promptFigure,
  idleNodesFigure,
  idleWorkFigure,
  choiceFigure,
  populationFigure,
  answersFigure,
  affinityFigure,
  openStreamsFigure,
  resumeFigure,
  startFigure,
  workersFigure,
];
