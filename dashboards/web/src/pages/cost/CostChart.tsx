import { useMemo } from "react";
import type { Cost } from "../../api/client";
import panel from "../../components/Panel.module.css";
import { LINE_COLOURS as COLOURS } from "../../lib/colours";
import { type Line, TimeChart } from "../../components/TimeChart";
import { formatCost } from "../../lib/format";
import { type Interval, stepsOf } from "../../lib/intervals";
import type { TraceSearch } from "../../lib/search";
import { millisOf, type Window } from "../../lib/time";

interface Props {
  cost: Cost;
  window: Window;
  interval: Interval;
  onShow: (wanted: TraceSearch) => void;
}

/** What was spent when, and on what. */
export function CostChart({ cost, window, interval, onShow }: Props) {
  const { times, lines } = useMemo(() => {
    const steps = stepsOf(window, interval, Date.now());
    const places = new Map(steps.map((step, index) => [step, index]));
    const row = (groups: Cost["groups"]): number[] => {
      const values = steps.map(() => 0);
      for (const group of groups) {
        for (const step of group.series ?? []) {
          const place = places.get(millisOf(step.time));
          if (place !== undefined) values[place] = (values[place] ?? 0) + step.cost_usd;
        }
      }
      return values;
    };
    const named = cost.groups.slice(0, COLOURS.length).filter((group) => group.cost_usd > 0);
    const others = cost.groups.slice(named.length);
    const found: Line[] = named.map((group, index) => ({ label: group.name || "(none)", color: COLOURS[index] ?? "--plain", values: row([group]) }));
    if (others.some((group) => group.cost_usd > 0)) found.push({ label: "others", color: "--plain", values: row(others) });
    if (found.length === 0) found.push({ label: "cost", color: "--plain", values: row([]) });
    return { times: steps.map((step) => step / 1000), lines: found };
  }, [cost, window, interval]);
  const step = (times[1] ?? 0) - (times[0] ?? 0) || 3_600;
  return (
    <section className={panel["panel"]} aria-label={`Cost by ${interval}`}>
      <h2>By {interval}</h2>
      <TimeChart
        label={`Cost by ${interval}`}
        kind="bars"
        times={times}
        step={step}
        lines={lines}
        format={formatCost}
        onPick={(from, to) => onShow({ range: undefined, from: new Date(from).toISOString(), to: new Date(to).toISOString() })}
      />
    </section>
  );
}
