import { ActionIcon, SegmentedControl, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { queryClient, sessionQuery } from "../../api/queries";
import { type Queue, queueQuery, type QueueKey } from "../../api/review";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Note } from "../../components/Note";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { readReviewSearch, type ReviewView } from "../../lib/search";
import { Disputed } from "./Disputed";
import { Labelling } from "./Labelling";
import { Results } from "./Results";
import styles from "./Review.module.css";

const route = getRouteApi("/review/$name");
/** Where a reviewer's name is kept who has no key. */
const NAME_AT = "spanglass.reviewer";

export function QueuePage() {
  const { name } = route.useParams();
  const { project = "", view = "label" } = readReviewSearch({ ...route.useSearch() });
  const key = { project, name };
  const queue = useQuery(queueQuery(key));
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["review", project, name] });
  useKeys({ r: refresh });
  useEffect(() => {
    document.title = `${name} · Review · Spanglass`;
  }, [name]);
  return (
    <>
      <PageBar title={<h1 className={styles["crumbs"]}><Link to="/review">Review</Link> <span aria-hidden>/</span> <span dir="auto">{name}</span></h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        {queue.isError && !queue.data && <Problem error={queue.error} retry={() => void queue.refetch()} />}
        {!queue.isError && !queue.data && <i className={page["waiting"]} role="status" aria-label="Loading the queue" />}
        {queue.data && <Shown queue={queue.data} asked={key} view={view} />}
      </div>
    </>
  );
}

function Shown({ queue, asked, view }: { queue: Queue; asked: QueueKey; view: ReviewView }) {
  const navigate = useNavigate();
  const session = useQuery(sessionQuery);
  const [annotator, setAnnotator] = useState(() => localStorage.getItem(NAME_AT) ?? "");
  const anonymous = session.data?.key_needed === false;
  const mayRead = session.data?.payload !== false;
  const called = (name: string): void => {
    setAnnotator(name);
    localStorage.setItem(NAME_AT, name);
  };
  const disputed = queue.progress.disputed;
  return (
    <div className={page["content"]}>
      <div className={styles["views"]}>
        <SegmentedControl
          value={view}
          onChange={(value) => void navigate({ to: "/review/$name", params: { name: asked.name }, search: { project: asked.project || undefined, view: value === "label" ? undefined : (value as ReviewView) }, replace: true })}
          data={[{ value: "label", label: "Label" }, { value: "disputed", label: disputed > 0 ? `Disputed ${disputed}` : "Disputed" }, { value: "results", label: "Results" }]}
          aria-label="View"
        />
        {anonymous && view !== "results" && (
          <label className={styles["who"]}>Your name <input defaultValue={annotator} onBlur={(event) => called(event.target.value.trim())} onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()} maxLength={100} placeholder="local" /></label>
        )}
      </div>
      {view === "results" && <Results asked={asked} queue={queue} />}
      {view !== "results" && !mayRead && <Note>Your key may not read prompts and answers, so it can't label them.</Note>}
      {view === "label" && mayRead && session.data && <Labelling key={`${asked.project}/${asked.name}/${anonymous ? annotator : ""}`} asked={asked} queue={queue} annotator={anonymous ? annotator : ""} />}
      {view === "disputed" && mayRead && session.data && <Disputed asked={asked} queue={queue} annotator={anonymous ? annotator : ""} />}
    </div>
  );
}
