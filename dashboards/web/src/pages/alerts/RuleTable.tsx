import type { AlertRule } from "../../api/client";
import panel from "../../components/Panel.module.css";
import styles from "./RuleTable.module.css";

/** The rules, what each watches, and whether it can. */
export function RuleTable({ rules, onEdit }: { rules: readonly AlertRule[]; onEdit: (name: string) => void }) {
  return (
    <div className={`${panel["panel"] ?? ""} ${panel["scroll"] ?? ""}`}>
      <table aria-label="Rules" className={styles["rules"]}>
        <thead><tr><th>Rule</th><th>Severity</th><th>Watches</th><th>From</th></tr></thead>
        <tbody>
          {rules.map(({ rule, origin, error, notice }) => (
            <tr key={text(rule["name"])}>
              <td>
                <button type="button" onClick={() => onEdit(text(rule["name"]))} title="Look at it, try it, change it">{text(rule["name"])}</button>
                <span>{text(rule["summary"])}</span>
                {notice && <span className={styles["notice"]}>{notice}</span>}
                {error && <span role="alert" className={styles["error"]}>{error}</span>}
              </td>
              <td>{text(rule["severity"])}</td>
              <td><code>{[text(rule["kind"]), text(rule["metric"]), text(rule["condition"])].filter(Boolean).join(" ")}</code></td>
              <td>{origin === "file" ? "a file" : "here"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
