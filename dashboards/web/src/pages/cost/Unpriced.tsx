import { useQuery } from "@tanstack/react-query";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState } from "react";
import { unpricedQuery } from "../../api/queries";
import { Copy } from "../../components/Copy";
import { plural } from "../../lib/format";
import styles from "./Unpriced.module.css";

/** Calls whose price nobody knows, and the commands that mend it. */
export function Unpriced({ calls }: { calls: number }) {
  const [open, setOpen] = useState(false);
  const models = useQuery({ ...unpricedQuery, enabled: open });
  return (
    <details className={styles["note"]} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><IconAlertTriangle size={16} stroke={1.7} aria-hidden /> {plural(Math.round(calls), "call")} of models without a price {calls === 1 ? "is" : "are"} not in these sums</summary>
      {models.isError && <p role="alert">{models.error.message}</p>}
      {models.isPending && <p role="status">Looking which …</p>}
      {models.data && (
        <ul>
          {models.data.slice(0, 20).map((model) => (
            <li key={`${model.project} ${model.provider} ${model.model} ${model.service_tier}`}>
              <b>{model.model}</b> <small>{plural(model.calls, "call")} in the last 30 days</small>
              <span><code>{model.command}</code><Copy value={model.command} label="Copy the command" size={14} /></span>
            </li>
          ))}
          {models.data.length === 0 && <li>No model of the last 30 days: they have a price by now, or say neither their name nor their tokens.</li>}
        </ul>
      )}
    </details>
  );
}
