/** A dashboard of Grafana as it stands in a file, by the types that Grafana publishes. */

import type { Dashboard, Panel, RowPanel } from "@grafana/schema";
import type * as Stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as TimeSeries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

export type DashboardInJson = Omit<InJson<Dashboard>, "panels"> & {
  panels: (
    | InJson<RowPanel>
    | PanelOf<"stat", Stat.Options, never>
    | PanelOf<"timeseries", TimeSeries.Options, TimeSeries.FieldConfig>
  )[];
};

/** A query for Prometheus. */
interface Query {
  refId: string;
  expr: string;
  datasource?: { type: "prometheus"; uid: string };
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  format?: "time_series" | "table" | "heatmap";
}

interface PanelOf<Type extends string, Options, Custom>
  extends Omit<InJson<Panel>, "type" | "targets" | "options" | "fieldConfig"> {
  type: Type;
  targets: Query[];
  options: InJson<Partial<Options>>;
  fieldConfig: Omit<InJson<FieldConfig>, "defaults"> & {
    defaults: Omit<InJson<FieldConfig["defaults"]>, "custom"> & {
      custom?: InJson<Partial<Custom>>;
    };
  };
}

type FieldConfig = NonNullable<Panel["fieldConfig"]>;

/** In a file, enumerations are their texts. */
type InJson<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends readonly (infer One)[] ? InJson<One>[]
  : T extends object ? { [Key in keyof T]: InJson<T[Key]> }
  : T;
