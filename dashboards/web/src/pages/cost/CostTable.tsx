import type { Cost } from "../../api/client";
import panel from "../../components/Panel.module.css";
import { formatCompact, formatCost, formatEnergy, NONE } from "../../lib/format";
import type { CostGroup, TraceSearch } from "../../lib/search";
import { formatShare } from "../../lib/series";
import styles from "./CostTable.module.css";

interface Props {
  cost: Cost;
  by: CostGroup;
  label: string;
  onShow: (wanted: TraceSearch) => void;
}

/** The filter of the list of traces that shows a group; some it has none for. */
function filterOf(by: CostGroup, name: string): TraceSearch | undefined {
  if (name === "" || by === "provider" || by === "project" || by === "prompt_version") return undefined;
  return { [by]: name };
}

export function CostTable({ cost, by, label, onShow }: Props) {
  const most = Math.max(...cost.groups.map((group) => group.cost_usd), 0);
  const hasEnergy = cost.total.energy_j > 0;
  const energy = (joules: number): string => (joules > 0 ? formatEnergy(joules) : NONE);
  const share = (dollars: number): string => (cost.total.cost_usd > 0 ? formatShare(dollars / cost.total.cost_usd) : NONE);
  return (
    <section className={panel["panel"]} aria-label={`By ${label.toLowerCase()}`}>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={`${panel["table"] ?? ""} ${styles["cost"] ?? ""}`}>
          <thead>
            <tr><th>{label}</th><th>Cost</th><th>Share</th><th>Calls</th><th>A call</th><th>Tokens in</th><th>Tokens out</th>{hasEnergy && <th>Energy</th>}</tr>
          </thead>
          <tbody>
            {cost.groups.map((group) => {
              const filter = filterOf(by, group.name);
              const priced = group.calls - group.unknown_calls;
              return (
                <tr key={group.name}>
                  <td>
                    {filter ? <button type="button" dir="auto" onClick={() => onShow(filter)} title="Show the traces">{group.name}</button> : <span dir="auto">{group.name || "(none)"}</span>}
                    <i className={panel["bar"]} aria-hidden><i style={{ width: `${most > 0 ? (100 * group.cost_usd) / most : 0}%` }} /></i>
                  </td>
                  <td><b>{priced > 0 ? formatCost(group.cost_usd) : NONE}</b>{group.unknown_calls > 0 && <small title={`${formatCompact(group.unknown_calls)} calls have no price`}> +?</small>}</td>
                  <td>{share(group.cost_usd)}</td>
                  <td>{formatCompact(Math.round(group.calls))}</td>
                  <td>{priced > 0 ? formatCost(group.cost_usd / priced) : NONE}</td>
                  <td>{formatCompact(Math.round(group.input_tokens))}</td>
                  <td>{formatCompact(Math.round(group.output_tokens))}</td>
                  {hasEnergy && <td>{energy(group.energy_j)}</td>}
                </tr>
              );
            })}
            {cost.others.calls > 0 && (
              <tr data-others>
                <td>others</td>
                <td><b>{formatCost(cost.others.cost_usd)}</b></td>
                <td>{share(cost.others.cost_usd)}</td>
                <td>{formatCompact(Math.round(cost.others.calls))}</td>
                <td />
                <td>{formatCompact(Math.round(cost.others.input_tokens))}</td>
                <td>{formatCompact(Math.round(cost.others.output_tokens))}</td>
                {hasEnergy && <td>{energy(cost.others.energy_j)}</td>}
              </tr>
            )}
          </tbody>
        </table>
      </div>
      {by === "tag" && <p className={panel["note"]}>A call with several tags is in several rows.</p>}
    </section>
  );
}
