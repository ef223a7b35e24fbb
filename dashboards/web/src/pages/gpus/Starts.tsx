import type { EngineStart } from "../../api/client";
import panel from "../../components/Panel.module.css";
import { formatSeconds, NONE } from "../../lib/format";

const SHOWN = 20;

/** When engines began, and how long it was until they answered. */
export function Starts({ starts }: { starts: readonly EngineStart[] }) {
  if (starts.length === 0) return null;
  return (
    <section className={panel["panel"]} aria-label="Cold starts">
      <h2>Cold starts</h2>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={panel["table"]}>
          <thead><tr><th>Engine</th><th>Began</th><th>Until it answered</th></tr></thead>
          <tbody>
            {starts.slice(0, SHOWN).map((each) => (
              <tr key={`${each.host} ${each.instance} ${each.started_at}`}>
                <td>{[each.engine || "engine", each.model].filter(Boolean).join(" · ")} <small>{each.instance}</small></td>
                <td>{new Date(each.started_at).toLocaleString()}</td>
                <td title={each.seconds_to_ready === null ? "Nobody watched it begin" : undefined}>{each.seconds_to_ready === null ? NONE : formatSeconds(each.seconds_to_ready)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
