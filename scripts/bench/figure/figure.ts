/** What a figure is: a measurement that runs by itself and gives one or more rows of the table. */

import type { Row } from "../row.ts";
import type { Size } from "../size.ts";
import type { Stage } from "../stage.ts";

interface Named {
  /** By this it is chosen on the command line. */
  readonly name: string;
  /** What it measures, shown while it does. */
  readonly about: string;
}

/** A figure of the programs, which runs among the others' servers. */
export interface StagedFigure extends Named {
  measure(stage: Stage): Promise<Row[]>;
}

/** A figure of the code alone, which needs no server. */
export interface LoneFigure extends Named {
  measureAlone(size: Size): Promise<Row[]>;
}

export type Figure = StagedFigure | LoneFigure;
