import { useQuery } from "@tanstack/react-query";
import { type QualityFilters, scoreChangesQuery } from "../../api/queries";
import filterStyles from "../../components/Filters.module.css";
import panel from "../../components/Panel.module.css";
import { formatCompact, formatCount } from "../../lib/format";
import { QUALITY_GROUPS, type QualityGroup, type QualitySearch } from "../../lib/search";
import { formatShare } from "../../lib/series";
import type { TimeRange } from "../../lib/time";
import styles from "./Quality.module.css";
import { wordsOf } from "./values";

const LABELS: Readonly<Record<QualityGroup, string>> = {
  service: "Service", model: "Model", prompt_version: "Prompt", environment: "Environment", source: "Source", evaluator: "Given by", label: "Label",
};

interface Props {
  name: string;
  filters: QualityFilters;
  range: TimeRange;
  by: QualityGroup;
  onChange: (changed: Partial<QualitySearch>) => void;
}

/** The filter of this page that shows a group alone; some there is none for. */
function filterOf(by: QualityGroup, value: string): Partial<QualitySearch> | undefined {
  if (value === "" || by === "evaluator") return undefined;
  return by === "prompt_version" ? { prompt: value } : { [by]: value };
}

/** One score by service, model or prompt version, each beside itself before. */
export function GroupTable({ name, filters, range, by, onChange }: Props) {
  const groups = useQuery(scoreChangesQuery(filters, range, name, by));
  return (
    <section className={panel["panel"]} aria-label={`By ${LABELS[by].toLowerCase()}`}>
      <div className={styles["head"]}>
        <div className={filterStyles["segments"]} role="group" aria-label="Told apart by">
          {QUALITY_GROUPS.map((each) => (
            <button key={each} type="button" aria-pressed={each === by} onClick={() => onChange({ by: each === "model" ? undefined : each })}>{LABELS[each]}</button>
          ))}
        </div>
      </div>
      {groups.isError && <p role="alert" className={styles["failed"]}>{groups.error.message}</p>}
      {groups.isPending && <p className={panel["note"]} role="status">Comparing…</p>}
      {groups.data && (
        <div className={panel["scroll"]} tabIndex={0}>
          <table className={`${panel["table"] ?? ""} ${styles["scores"] ?? ""}`}>
            <thead><tr><th>{LABELS[by]}</th><th>Now</th><th>Before</th><th>Change</th><th>95 % interval</th><th>p</th><th>Found</th><th>Scores</th></tr></thead>
            <tbody>
              {groups.data.items.map((row) => {
                const value = row.group[by] ?? "";
                const filter = filterOf(by, value);
                const words = wordsOf(row);
                return (
                  <tr key={value}>
                    <td>{filter ? <button type="button" dir="auto" onClick={() => onChange(filter)} title="Show it alone">{value}</button> : <span dir="auto">{value || "(none)"}</span>}</td>
                    <td><b>{words.after}</b></td>
                    <td>{words.before}</td>
                    <td data-verdict={words.verdict}>{words.difference}</td>
                    <td><small>{words.interval}</small></td>
                    <td>{row.p === null ? "" : row.p < 0.001 ? "<0.001" : row.p.toFixed(3)}</td>
                    <td>{row.after.n > 0 ? formatShare(row.after.flagged / row.after.n) : ""}</td>
                    <td>{formatCompact(row.after.n)} <small>/ {formatCount(row.before.n)}</small></td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
