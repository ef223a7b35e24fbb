import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconFilterOff, IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo } from "react";
import type { ScoreChange, ScoreChanges } from "../../api/client";
import { type QualityFilters as Filters, queryClient, scoreChangesQuery, scoreDistributionQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Distribution } from "../../components/Distribution";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { type Line, TimeChart } from "../../components/TimeChart";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { formatCompared } from "../../lib/compared";
import { formatCompact } from "../../lib/format";
import { type QualitySearch, rangeOf, readQualitySearch } from "../../lib/search";
import { formatShare } from "../../lib/series";
import { describeRange, type TimeRange } from "../../lib/time";
import { AgreementTable } from "./AgreementTable";
import { CalibrationPanel } from "./CalibrationPanel";
import { Examples } from "./Examples";
import { GroupTable } from "./GroupTable";
import styles from "./Quality.module.css";
import { QualityFilters } from "./QualityFilters";
import { wordsOf } from "./values";

const route = getRouteApi("/quality/$name");

/** One score: how it went, how it is spread, where it is worst, and whom it agrees with. */
export function ScorePage() {
  const { name } = route.useParams();
  const said = route.useSearch();
  const search = useMemo(() => readQualitySearch(said as Record<string, unknown>), [said]);
  const navigate = useNavigate();
  const range = useMemo(() => rangeOf(search), [search]);
  const { service, environment, model, prompt, source } = search;
  const filters = useMemo<Filters>(() => ({ service, environment, model, prompt, source }), [service, environment, model, prompt, source]);
  const asked = useMemo(() => scoreChangesQuery(filters, range, name), [filters, range, name]);
  const score = useQuery(asked);
  const { data } = score;
  const only = data?.items[0];
  useEffect(() => {
    document.title = `${name} · Quality · Spanglass`;
  }, [name]);
  const change = useCallback(
    (changed: Partial<QualitySearch>) => void navigate({ to: "/quality/$name", params: { name }, search: (before) => ({ ...readQualitySearch(before), ...changed }) }),
    [navigate, name],
  );
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["quality"] });
  useKeys({ r: refresh, Escape: () => void navigate({ to: "/quality", search: range }) });
  const filtered = Object.values(filters).some((each) => each !== undefined);
  return (
    <>
      <PageBar title={<h1 className={styles["crumbs"]}><Link to="/quality" search={range}>Quality</Link> <span aria-hidden>/</span> <span dir="auto">{name}</span></h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
        <TimeRangePicker range={range} onChange={(next) => change({ range: next.range, from: next.from, to: next.to })} />
      </PageBar>
      <div className={page["page"]}>
        <QualityFilters search={search} range={range} onChange={change} />
        {score.isError && !data ? (
          <Problem error={score.error} retry={refresh} />
        ) : !data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading the score" />
        ) : !only ? (
          <State
            icon={<IconFilterOff />}
            title={`Nothing was given the score ${name}`}
            action={<>
              {filtered && <Button onClick={() => change({ service: undefined, environment: undefined, model: undefined, prompt: undefined, source: undefined })}>Clear the filters</Button>}
              <Button variant={filtered ? "default" : "filled"} onClick={() => change({ range: "90d", from: undefined, to: undefined })}>Look at the last 90 days</Button>
            </>}
          >
            {describeRange(range)}{filtered ? ", with what is set above." : " and the range before it have none."}
          </State>
        ) : (
          <div className={page["content"]} data-stale={score.isPlaceholderData || undefined}>
            <Summary score={only} />
            <div className={styles["pair"]}>
              <Trend changes={data} score={only} onPick={(from, to) => change({ range: undefined, from, to })} />
              <Spread name={name} filters={filters} range={range} score={only} />
            </div>
            <GroupTable name={name} filters={filters} range={range} by={search.by ?? "model"} onChange={change} />
            <Examples name={name} filters={filters} range={range} show={search.show ?? "worst"} label={search.label} onChange={change} />
            <AgreementTable range={range} name={name} />
            <CalibrationPanel range={range} name={name} />
          </div>
        )}
      </div>
    </>
  );
}

function Summary({ score }: { score: ScoreChange }) {
  const words = wordsOf(score);
  return (
    <dl className={styles["summary"]} aria-label="In short">
      <div data-strong><dt>{score.statistic === "share" ? "Share" : "Mean"}</dt><dd>{words.after}</dd></div>
      <div><dt>Before</dt><dd>{words.before}</dd></div>
      <div><dt>Change</dt><dd><span data-verdict={words.verdict}>{words.difference}</span>{words.interval && <small> ({words.interval})</small>}</dd></div>
      {score.sources.includes("detector") && score.after.n > 0 && <div><dt>Found</dt><dd>{formatShare(score.after.flagged / score.after.n)} <small>{formatCompact(score.after.flagged)}</small></dd></div>}
      <div><dt>Scores</dt><dd>{formatCompact(score.after.n)} <small>{formatCompact(score.before.n)} before</small></dd></div>
      <div><dt>Given by</dt><dd>{score.sources.join(", ")}</dd></div>
    </dl>
  );
}

function Trend({ changes, score, onPick }: { changes: ScoreChanges; score: ScoreChange; onPick: (from: string, to: string) => void }) {
  const hasValues = score.means.some((mean) => mean !== null);
  const lines = useMemo<Line[]>(
    () => (hasValues ? [{ label: score.statistic === "share" ? "share" : "mean", color: "--accent", values: score.means }] : [{ label: "scores", color: "--accent", values: score.counts }]),
    [hasValues, score],
  );
  const format = useMemo(() => (value: number): string => (hasValues ? formatCompared("score", score.statistic, value) : formatCompact(value)), [hasValues, score.statistic]);
  return (
    <section className={panel["panel"]} aria-label="Over time">
      <h2>Over time</h2>
      <TimeChart label={`${score.name} over time`} kind={hasValues ? "lines" : "bars"} times={changes.times} step={changes.step_s} lines={lines} format={format} onPick={(from, to) => onPick(new Date(from).toISOString(), new Date(to).toISOString())} />
    </section>
  );
}

function Spread({ name, filters, range, score }: { name: string; filters: Filters; range: TimeRange; score: ScoreChange }) {
  const spread = useQuery(scoreDistributionQuery(name, filters, range));
  const { data } = spread;
  const format = (value: number): string => formatCompared("score", "mean", value);
  return (
    <section className={panel["panel"]} aria-label="How it is spread">
      <h2>How it is spread, then and now</h2>
      {spread.isError && <p role="alert" className={styles["failed"]}>{spread.error.message}</p>}
      {spread.isPending && <p className={panel["note"]} role="status">Counting…</p>}
      {data && data.values.edges.length > 0 && score.statistic !== "share" && <Distribution shown={data.values} label={`Values of ${name}, then and now`} format={format} />}
      {data && data.labels.labels.length > 0 && <Distribution shown={data.labels} label={`Labels of ${name}, then and now`} format={format} />}
      {data && score.statistic === "share" && data.labels.labels.length === 0 && data.values.edges.length > 0 && (
        <Distribution
          shown={{ edges: [], labels: ["1", "0"], reference: ends(data.values.reference), current: ends(data.values.current) }}
          label={`Values of ${name}, then and now`}
          format={format}
        />
      )}
    </section>
  );
}

/** Of values that are 0 or 1, the last bin and the first. */
function ends(shares: readonly number[]): number[] {
  return [shares.at(-1) ?? 0, shares[0] ?? 0];
}
