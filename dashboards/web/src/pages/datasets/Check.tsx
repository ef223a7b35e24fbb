import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { datasetCheckQuery, type DatasetKey } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { formatCount } from "../../lib/format";
import named from "../../components/NamedRows.module.css";

/** Pairs that are listed. */
const SHOWN = 50;

/** Items that are nearly the same, and splits that share them: looked for when somebody asks. */
export function Check({ asked, version }: { asked: DatasetKey; version: number }) {
  const [wanted, setWanted] = useState<number>();
  const check = useQuery({ ...datasetCheckQuery(asked, version), enabled: wanted === version });
  const found = wanted === version ? check.data : undefined;
  return (
    <section className={panel["panel"]} aria-label="Near-duplicates">
      <h2>Near-duplicates and leaks</h2>
      {!found && <Button size="compact-sm" variant="default" loading={check.isFetching} onClick={() => setWanted(version)}>Look for them</Button>}
      {check.isError && <Problem error={check.error} retry={() => void check.refetch()} />}
      {found && (
        <p role="status" className={panel["note"]}>
          {found.pairs_found === 0 ? "No two items are nearly the same." : `${found.pairs_found === 1 ? "1 pair is" : `${formatCount(found.pairs_found)} pairs are`} nearly the same; ${found.leaks === 0 ? "none" : formatCount(found.leaks)} in different splits.`}
          {found.without_expected > 0 && ` ${formatCount(found.without_expected)} items have no expected output.`}
        </p>
      )}
      {found && found.pairs.length > 0 && (
        <div className={panel["scroll"]} tabIndex={0}>
          <table className={named["rows"]}>
            <thead><tr><th>Item</th><th>Is nearly</th><th>Similarity</th><th>Splits</th></tr></thead>
            <tbody>
              {found.pairs.slice(0, SHOWN).map((each) => (
                <tr key={`${each.first} ${each.second}`} data-leak={each.is_leak || undefined}>
                  <td><code>{each.first}</code></td>
                  <td><code>{each.second}</code></td>
                  <td>{each.similarity.toFixed(2)}</td>
                  <td>{each.is_leak ? `leak: ${each.first_split || "none"}, ${each.second_split || "none"}` : each.first_split}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
