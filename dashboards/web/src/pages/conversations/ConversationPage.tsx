import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import type { Conversation } from "../../api/client";
import { conversationQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Badge } from "../../components/Badge";
import { MoreButton } from "../../components/MoreButton";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { formatCompact, formatCost, formatDuration } from "../../lib/format";
import { rangeOf, readConversationSearch } from "../../lib/search";
import { Scores } from "../trace/Scores";
import { Opinion } from "./ActivityTable";
import styles from "./Conversations.module.css";
import { TurnView } from "./TurnView";

const route = getRouteApi("/conversations/$sessionId");

/** One session: what was asked and answered, in order, with what it took and what was said of it. */
export function ConversationPage() {
  const { sessionId } = route.useParams();
  const said = route.useSearch();
  const search = useMemo(() => readConversationSearch(said as Record<string, unknown>), [said]);
  const navigate = useNavigate();
  const range = useMemo(() => rangeOf(search), [search]);
  const thread = useInfiniteQuery(useMemo(() => conversationQuery(sessionId, range, search.project), [sessionId, range, search.project]));
  const first = thread.data?.pages[0];
  const turns = thread.data?.pages.flatMap((each) => each.turns) ?? [];
  const refresh = (): void => void thread.refetch();
  useKeys({ r: refresh, Escape: () => void navigate({ to: "/conversations", search: range }) });
  useEffect(() => {
    document.title = `${sessionId} · Conversations · Spanglass`;
  }, [sessionId]);
  return (
    <>
      <PageBar title={<h1 className={styles["crumbs"]}><Link to="/conversations" search={range}>Conversations</Link> <span aria-hidden>/</span> <span dir="auto">{sessionId}</span></h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        {thread.isError && !first ? (
          <Problem error={thread.error} retry={refresh} action={<Button variant="default" renderRoot={(props) => <Link {...props} to="/conversations/$sessionId" params={{ sessionId }} search={{ range: "90d" }} />}>Look at the last 90 days</Button>} />
        ) : !first ? (
          <i className={page["waiting"]} role="status" aria-label="Loading the conversation" />
        ) : (
          <div className={page["content"]}>
            {thread.isError && <p role="alert" className={page["broken"]}>Not up to date: {thread.error.message}</p>}
            <About about={first.about} />
            {first.scores.length > 0 && <section aria-label="Of the whole conversation"><Scores scores={first.scores} granted={first.payload} /></section>}
            <ol className={styles["thread"]} aria-label="Turns">
              {turns.map((turn, index) => <TurnView key={turn.trace_id} turn={turn} number={index + 1} granted={first.payload} />)}
            </ol>
            {thread.hasNextPage && <MoreButton onClick={() => void thread.fetchNextPage()}>Show more</MoreButton>}
          </div>
        )}
      </div>
    </>
  );
}

function About({ about }: { about: Conversation }) {
  return (
    <dl className={styles["summary"]} aria-label="In short">
      <div data-strong><dt>Questions</dt><dd>{formatCompact(about.turns)}</dd></div>
      <div><dt>Duration</dt><dd>{formatDuration(about.duration_ns)}</dd></div>
      <div><dt>Errors</dt><dd data-bad={about.errors > 0 || undefined}>{formatCompact(about.errors)}</dd></div>
      <div><dt>Feedback</dt><dd><Opinion liked={about.liked} disliked={about.disliked} /></dd></div>
      {about.groundedness !== null && <div><dt>Groundedness</dt><dd>{about.groundedness.toFixed(2)}</dd></div>}
      <div><dt>Tokens</dt><dd>{formatCompact(about.total_tokens)}</dd></div>
      <div><dt>Cost</dt><dd>{formatCost(about.cost_usd)}</dd></div>
      {about.users.length > 0 && (
        <div>
          <dt>User</dt>
          <dd>{about.users.map((user) => <Link key={user} to="/conversations" search={{ user }} className={styles["link"]} dir="auto">{user}</Link>)}</dd>
        </div>
      )}
      {about.sample_data && <div><dt>Data</dt><dd><Badge label="sample" /></dd></div>}
    </dl>
  );
}
