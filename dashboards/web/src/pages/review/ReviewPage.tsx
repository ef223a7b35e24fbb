import { ActionIcon, Tooltip } from "@mantine/core";
import { IconClipboardCheck, IconRefresh } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { queryClient } from "../../api/queries";
import { type QueueRow, queuesQuery } from "../../api/review";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { MoreButton } from "../../components/MoreButton";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { formatCount } from "../../lib/format";
import { Bar } from "./Bar";
import styles from "./Review.module.css";

export function ReviewPage() {
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["review"] });
  useKeys({ r: refresh });
  useEffect(() => {
    document.title = "Review · Spanglass";
  }, []);
  return (
    <>
      <PageBar title={<h1>Review</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}><Queues /></div>
    </>
  );
}

function Queues() {
  const queues = useInfiniteQuery(queuesQuery);
  if (queues.isError && !queues.data) return <Problem error={queues.error} retry={() => void queues.refetch()} />;
  if (!queues.data) return <i className={page["waiting"]} role="status" aria-label="Loading the queues" />;
  const rows = queues.data.pages.flatMap((each) => each.items);
  if (rows.length === 0) {
    return (
      <State icon={<IconClipboardCheck />} title="There is nothing to review yet">
        <p>A queue holds answers that people look at. Their labels say how often all answers are right.</p>
        Write its questions into a file (<code>examples/review/grounded.yaml</code> is one), then type{" "}
        <code>spanglass review create grounded FILE</code> and <code>spanglass review draw grounded</code>.
      </State>
    );
  }
  const projects = new Set(rows.map((each) => each.project));
  return (
    <div className={page["content"]}>
      {queues.isError && <p role="alert" className={page["broken"]}>Not up to date: {queues.error.message}</p>}
      <ul className={styles["queues"]} aria-label="Review queues">
        {rows.map((each) => <Row key={`${each.project}/${each.name}`} queue={each} named={projects.size > 1} />)}
      </ul>
      {queues.hasNextPage && <MoreButton onClick={() => void queues.fetchNextPage()}>Show more</MoreButton>}
    </div>
  );
}

function Row({ queue, named }: { queue: QueueRow; named: boolean }) {
  const { progress } = queue;
  return (
    <li className={panel["panel"]}>
      <div className={styles["row"]}>
        <h2>
          <Link to="/review/$name" params={{ name: queue.name }} search={{ project: queue.project }} dir="auto">{queue.name}</Link>
          {named && <small> {queue.project}</small>}
          {!queue.is_open && <small className={styles["tag"]}>closed</small>}
        </h2>
        <p className={styles["figures"]}>
          <span>{formatCount(progress.done)} of {formatCount(progress.items)} done</span>
          {progress.disputed > 0 && <span className={styles["warn"]}>{formatCount(progress.disputed)} disputed</span>}
          <span>{queue.labels_per_item === 1 ? "one label each" : `${queue.labels_per_item} labels each`}</span>
        </p>
      </div>
      <Bar progress={progress} />
      <p className={panel["note"]}>{queue.criteria.map((each) => each.name).join(", ")}</p>
      {queue.trouble && <p className={styles["trouble"]} role="alert">It could not draw: {queue.trouble}</p>}
    </li>
  );
}
