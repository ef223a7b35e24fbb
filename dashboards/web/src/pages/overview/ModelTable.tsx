import type { Overview } from "../../api/client";
import styles from "../../components/Panel.module.css";
import { formatCompact, formatCost, formatSeconds, NONE } from "../../lib/format";
import type { TraceSearch } from "../../lib/search";
import { formatShare } from "../../lib/series";

/** What each model was asked, and how it did. */
export function ModelTable({ models, onShow }: { models: Overview["models"]; onShow: (wanted: TraceSearch) => void }) {
  const seconds = (value: number | null): string => (value === null ? NONE : formatSeconds(value));
  return (
    <section className={styles["panel"]} aria-label="Models">
      <h2>Models</h2>
      {models.length === 0 ? (
        <p className={styles["note"]}>No call of a model in this range of time.</p>
      ) : (
        <div className={styles["scroll"]} tabIndex={0}>
          <table className={styles["table"]}>
            <thead>
              <tr><th>Model</th><th>Calls</th><th>Failed</th><th>Duration p95</th><th>First token p95</th><th>Tokens</th><th>Cost</th></tr>
            </thead>
            <tbody>
              {models.map((model) => (
                <tr key={model.model}>
                  <td><button type="button" onClick={() => onShow({ model: model.model })} title="Show the traces">{model.model}</button> <small>{model.provider}</small></td>
                  <td>{formatCompact(Math.round(model.calls))}</td>
                  <td data-bad={model.failed_calls > 0 || undefined}>{formatShare(model.calls > 0 ? model.failed_calls / model.calls : 0)}</td>
                  <td>{seconds(model.duration_p95_s)}</td>
                  <td>{seconds(model.first_token_p95_s)}</td>
                  <td>{formatCompact(Math.round(model.input_tokens + model.output_tokens))}</td>
                  <td>{formatCost(model.cost_usd)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
