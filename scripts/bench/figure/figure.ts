/** What a figure is: a measurement that runs by itself and gives one or more rows of the table. */

import type { Row } from "../row.ts";
import type { Stage } from "../stage.ts";

export interface Figure {
  /** By this it is chosen on the command line. */
  readonly name: string;
  /** What it measures, shown while it does. */
  readonly about: string;
  measure(stage: Stage): Promise<Row[]>;
}
