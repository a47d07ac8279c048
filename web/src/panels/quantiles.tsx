import { useState } from "preact/hooks";
import { Chart } from "../charts/chart";
import { Legend } from "../charts/legend";
import { number } from "../data/format";
import { autoEvery, refreshOf, topicOf, underWay } from "../data/question";
import { toSeries } from "../data/series";
import { useTopic } from "../state/live";
import { numericNames, useSchema } from "../state/schema";
import { Select } from "./choice";
import { Empty, Frame, Loading, Stateful } from "./frame";

const quantiles = [0.5, 0.9, 0.99];
const name_of = (q: number) => (q === 0.5 ? "median" : `p${q * 100}`);

// Median, p90 and p99 of a numeric property over time.
export function QuantilesPanel({ range, time_zone, height = 286 }: { range: string; time_zone: string; height?: number }) {
  const { schema } = useSchema();
  const names = numericNames(schema);
  const [chosen, choose] = useState("");
  const likely = names.find((name) => /(latency|duration|_ms|time)/.test(name));
  const field = chosen || likely || names[0] || "";
  const every = autoEvery(range, true);
  const measures = quantiles.map((q) => `quantile(${q}, ${field})`);
  const state = useTopic(
    field === "" ? null : topicOf({ measures, where: ["exists", field], range, every, time_zone }, refreshOf(range)),
  );
  return (
    <Frame title="Quantiles" note={<Select label="Numeric property" value={field} options={names} onChange={choose} />}>
      {field === "" && !schema ? (
        <Loading lines={6} />
      ) : field === "" ? (
        <Empty title="No numbers yet">Properties that are numbers are drawn here.</Empty>
      ) : (
        <Stateful state={state} lines={6} empty={<Empty title="No values in this time" />}>
          {() => {
            const series = toSeries(state.table!.columns);
            series.lines = series.lines.map((line, i) => ({ ...line, name: name_of(quantiles[i]) }));
            return (
              <>
                <Legend series={series} />
                <Chart name={`Quantiles of ${field}`} series={series} height={height} every={every} open={underWay(series.times, every, state.asOf || Date.now())} format={number} />
              </>
            );
          }}
        </Stateful>
      )}
    </Frame>
  );
}
