import { useQuery } from "@tanstack/react-query";
import { budgetsQuery, forecastQuery } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { formatCost } from "../../lib/format";
import { formatShare } from "../../lib/series";

const DAY = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", timeZone: "UTC" });

/** What this month will have cost, and how budgets stand. */
export function Ahead({ filters }: { filters: { service: string; environment: string; model: string; feature: string } }) {
  const forecast = useQuery(forecastQuery(filters));
  const budgets = useQuery(budgetsQuery);
  const month = forecast.data;
  const expected = month?.expected_usd ?? null;
  const listed = budgets.data ?? [];
  if (!month || (expected === null && listed.length === 0)) return null;
  return (
    <section className={panel["panel"]} aria-label="This month">
      <h2>This month</h2>
      {expected !== null ? (
        <p className={panel["plain"]}>
          <b>{formatCost(expected)}</b> by the end of it, {formatCost(month.low_usd ?? 0)} to {formatCost(month.high_usd ?? 0)} in 19 of 20 cases; {formatCost(month.spent_usd ?? 0)} so far.
        </p>
      ) : (
        <p className={panel["note"]}>What it will have cost can be said after seven whole days of calls.</p>
      )}
      {listed.length > 0 && (
        <div className={panel["scroll"]} tabIndex={0}>
          <table className={panel["table"]} aria-label="Budgets">
            <thead><tr><th>Budget</th><th>Spent</th><th>Of</th><th>A day</th><th>Runs out</th></tr></thead>
            <tbody>
              {listed.map((each) => (
                <tr key={each.id}>
                  <td dir="auto">{each.name}<i className={panel["bar"]} aria-hidden><i style={{ width: `${Math.min(100, 100 * each.share)}%` }} /></i></td>
                  <td data-bad={each.share >= 1 || undefined}>{formatCost(each.spent_usd)} <small>{formatShare(each.share)}</small></td>
                  <td>{formatCost(each.amount_usd)} <small>a {each.period}</small></td>
                  <td>{formatCost(each.burn_rate_usd_per_day)}</td>
                  <td data-bad={each.runs_out_at !== null || undefined}>{each.runs_out_at === null ? "not in it" : DAY.format(new Date(each.runs_out_at))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
