import { useQuery } from "@tanstack/react-query";
import type { CostChanges } from "../../api/client";
import { costChangesQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { formatChange, formatCost } from "../../lib/format";
import styles from "./Changes.module.css";

const FACTORS = [
  { key: "volume", label: "Volume", about: "more or fewer calls" },
  { key: "mix", label: "Mix", about: "other models and groups" },
  { key: "length", label: "Length", about: "tokens a call" },
  { key: "price", label: "Price", about: "of a token, caches included" },
] as const;

/** Why more or less was spent than in the time before: bars from then to now, whose steps are the parts. */
export function Changes({ asked }: { asked: ReturnType<typeof costChangesQuery> }) {
  const { data, error } = useQuery(asked);
  if (error) return <section className={panel["panel"]}><h2>Against the time before</h2><p role="alert">{error.message}</p></section>;
  if (!data || (data.total.before === 0 && data.total.after === 0)) return null;
  return (
    <section className={panel["panel"]} aria-label="Against the time before">
      <h2>Against the time before</h2>
      <Steps total={data.total} />
      {data.total.before === 0 ? <p className={panel["note"]}>Nothing was spent in the same time before.</p> : <Groups changes={data} />}
    </section>
  );
}

function Steps({ total }: { total: CostChanges["total"] }) {
  const levels = [total.before];
  for (const { key } of FACTORS) levels.push((levels.at(-1) ?? 0) + total[key]);
  const most = Math.max(...levels, 1e-12);
  const least = Math.min(0, ...levels);
  const at = (value: number): number => (100 * (value - least)) / (most - least);
  const bar = (from: number, to: number): { left: string; width: string } => ({ left: `${at(Math.min(from, to))}%`, width: from === to ? "0" : `max(2px, ${at(Math.max(from, to)) - at(Math.min(from, to))}%)` });
  return (
    <ul className={styles["steps"]}>
      <li><span>Before</span><i><i style={bar(0, total.before)} /></i><b>{formatCost(total.before)}</b></li>
      {FACTORS.map(({ key, label, about }, index) => (
        <li key={key} data-kind={total[key] > 0 ? "more" : "less"}>
          <span>{label} <small>{about}</small></span>
          <i><i style={bar(levels[index] ?? 0, levels[index + 1] ?? 0)} /></i>
          <b>{formatChange(total[key])}</b>
        </li>
      ))}
      <li><span>Now</span><i><i style={bar(0, total.after)} /></i><b>{formatCost(total.after)}</b></li>
    </ul>
  );
}

function Groups({ changes }: { changes: CostChanges }) {
  return (
    <div className={panel["scroll"]} tabIndex={0}>
      <table className={`${panel["table"] ?? ""} ${styles["groups"] ?? ""}`} aria-label="What changed most">
        <thead><tr><th>What changed most</th><th>Change</th>{FACTORS.map(({ key, label }) => <th key={key}>{label}</th>)}</tr></thead>
        <tbody>
          {changes.groups.map((group) => (
            <tr key={`${group.name} ${group.model}`}>
              <td dir="auto">{group.name || "(none)"}{group.model !== group.name && <small> {group.model}</small>}</td>
              <td><b>{formatChange(group.after - group.before)}</b></td>
              {FACTORS.map(({ key }) => <td key={key}>{formatChange(group[key])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
