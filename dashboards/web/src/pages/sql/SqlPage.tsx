import { Button } from "@mantine/core";
import { IconDownload, IconPlayerPlay } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { ApiProblem } from "../../api/client";
import { parquetOf, sqlQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Copy } from "../../components/Copy";
import filters from "../../components/Filters.module.css";
import { save } from "../../components/save";
import { SqlChart } from "../../components/SqlChart";
import { ViewsMenu } from "../../components/ViewsMenu";
import { toCsv } from "../../lib/csv";
import { formatCount, formatDuration, plural } from "../../lib/format";
import { readSqlSearch } from "../../lib/search";
import { chartOf } from "../../lib/sqlChart";
import { Editor } from "./Editor";
import { Examples } from "./Examples";
import { ResultTable } from "./ResultTable";
import { Schema } from "./Schema";
import styles from "./SqlPage.module.css";

const route = getRouteApi("/sql");

export function SqlPage() {
  const { query: asked = "", show } = readSqlSearch({ ...route.useSearch() });
  const navigate = useNavigate();
  const [text, setText] = useState(asked);
  const [last, setLast] = useState(asked);
  const editor = useRef<HTMLTextAreaElement>(null);
  // Back and forward bring their statement along.
  if (last !== asked) {
    setLast(asked);
    setText(asked);
  }
  const answer = useQuery({ ...sqlQuery(asked), enabled: asked !== "" });
  const parquet = useMutation({ mutationFn: parquetOf, onSuccess: (file) => save(file, "spanglass.parquet") });
  useEffect(() => {
    document.title = "SQL · Spanglass";
  }, []);
  const run = (statement = text): void => {
    const wanted = statement.trim();
    setText(wanted);
    if (wanted === "") editor.current?.focus();
    else if (wanted === asked) void answer.refetch();
    else void navigate({ to: "/sql", search: { query: wanted, show } });
  };
  useKeys({ "/": () => editor.current?.focus() });
  /** Puts a name where the cursor is. */
  const insert = (name: string): void => {
    const field = editor.current;
    if (!field) return;
    field.focus();
    field.setRangeText(name, field.selectionStart, field.selectionEnd, "end");
    setText(field.value);
  };
  const { data } = answer;
  const chart = useMemo(() => (data ? chartOf(data) : undefined), [data]);
  const drawn = show === "chart" && chart !== undefined;
  return (
    <>
      <PageBar title={<h1>SQL</h1>}>
        <ViewsMenu
          page="/sql" label="Saved queries" title="Saved queries" thing="query" read={readSqlSearch} search={{ query: text.trim(), show }}
          about="A saved query is a statement with a name; everybody of the project sees it, and dashboards are made of them."
        />
      </PageBar>
      <div className={styles["page"]}>
        <aside className={styles["schema"]} aria-label="Tables"><Schema onPick={insert} /></aside>
        <div className={styles["work"]}>
          <form
            className={styles["editor"]}
            onSubmit={(event) => {
              event.preventDefault();
              run();
            }}
          >
            <Editor field={editor} text={text} onChange={setText} onRun={() => run()} />
            <div className={styles["tools"]}>
              <Button type="submit" size="compact-md" leftSection={<IconPlayerPlay size={15} />} loading={answer.isFetching}>Run</Button>
              <small>Ctrl Enter</small>
              <Copy value={() => location.href} label="Copy a link to this statement" size={16} />
              {data && (
                <span role="status">
                  {plural(data.rows.length, "row")}{data.truncated && `, cut at ${formatCount(data.rows.length)}`} in {formatDuration(data.millis * 1e6)}
                </span>
              )}
              {chart && (
                <div className={filters["segments"]} role="group" aria-label="How to show it">
                  {([undefined, "chart"] as const).map((each) => (
                    <button key={each ?? "table"} type="button" aria-pressed={show === each} onClick={() => void navigate({ to: "/sql", search: { query: asked, show: each }, replace: true })}>{each ? "Chart" : "Table"}</button>
                  ))}
                </div>
              )}
              {data && data.rows.length > 0 && (
                <Button variant="default" size="compact-md" leftSection={<IconDownload size={15} />} onClick={() => save(toCsv(data.columns, data.rows), "spanglass.csv")}>CSV</Button>
              )}
              {data && data.rows.length > 0 && (
                <Button variant="default" size="compact-md" leftSection={<IconDownload size={15} />} loading={parquet.isPending} onClick={() => parquet.mutate(asked)}>Parquet</Button>
              )}
              {parquet.isError && <span role="alert">No Parquet: {parquet.error.message}</span>}
            </div>
          </form>
          {answer.isError && (
            <div className={styles["wrong"]} role="alert">
              <b>{answer.error instanceof ApiProblem ? answer.error.title : "Something went wrong here"}</b>
              <pre>{answer.error.message}</pre>
            </div>
          )}
          {asked === "" ? <Examples onRun={run} /> : data && !answer.isError && (drawn ? <div className={styles["chart"]}><SqlChart chart={chart} title="Answer" height={320} /></div> : data.rows.length > 0 ? <ResultTable answer={data} /> : <p className={styles["none"]}>No row.</p>)}
        </div>
      </div>
    </>
  );
}
