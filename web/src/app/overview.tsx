import { useState } from "preact/hooks";
import { Choice } from "../panels/choice";
import { QuantilesPanel } from "../panels/quantiles";
import { RatePanel } from "../panels/rate";
import { Stats } from "../panels/stats";
import { TailPanel } from "../panels/tail";
import { TodayPanel } from "../panels/today";
import { TopEvents, TopValues } from "../panels/top";
import { time_zone } from "../state/zone";

const ranges = [["15m", "15 min"], ["1h", "1 hour"], ["24h", "24 hours"], ["7d", "7 days"]] as const;

export function Overview() {
  const [range, setRange] = useState<string>("1h");
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Stats time_zone={time_zone} />
      <div class="grid two">
        <RatePanel />
        <TodayPanel time_zone={time_zone} />
      </div>
      <div class="section-head">
        <h2>What happens</h2>
        <Choice name="Range" value={range} options={ranges} onChange={setRange} />
      </div>
      <div class="grid three">
        <TopEvents range={range} time_zone={time_zone} />
        <TopValues range={range} time_zone={time_zone} />
        <QuantilesPanel range={range} time_zone={time_zone} />
      </div>
      <TailPanel />
    </>
  );
}
