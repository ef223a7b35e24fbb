import { ActionIcon, Tooltip } from "@mantine/core";
import { IconRefresh, IconWaveSine } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { driftQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { plural } from "../../lib/format";
import { Compare } from "./Compare";
import { FindingCard } from "./FindingCard";
import { Topics } from "./Topics";
import styles from "./Drift.module.css";

/** What changed of late, without anybody having asked. */
export function DriftPage() {
  const drift = useQuery(driftQuery);
  const refresh = (): void => void drift.refetch();
  useKeys({ r: refresh });
  useEffect(() => {
    document.title = "Drift · Spanglass";
  }, []);
  const { data } = drift;
  const tested = data ? Object.entries(data.watched).reduce((sum, [verdict, count]) => (verdict === "not tested" ? sum : sum + count), 0) : 0;
  return (
    <>
      <PageBar title={<h1>Drift</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        {drift.isError && !data ? (
          <Problem error={drift.error} retry={refresh} />
        ) : !data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading what drifted" />
        ) : data.findings.length === 0 ? (
          <State icon={<IconWaveSine />} title={tested > 0 ? "Nothing drifted in two weeks" : "Nothing could be compared yet"}>
            {tested > 0 ? `${plural(tested, "comparison")} found nothing unusual.` : "An hour is compared when it is over, with the same hour of the days before: it takes a day of traffic."}
          </State>
        ) : (
          <>
            <p className={styles["sum"]}>{plural(data.findings.length, "finding")} of two weeks, from {plural(tested, "comparison")} with the same hours of the days before.</p>
            <ul className={styles["list"]} aria-label="Findings">
              {data.findings.map((each, index) => <FindingCard key={`${each.project} ${each.id}`} finding={each} isFirst={index === 0} />)}
            </ul>
          </>
        )}
        <Topics />
        {data && <Compare metrics={data.metrics} />}
      </div>
    </>
  );
}
