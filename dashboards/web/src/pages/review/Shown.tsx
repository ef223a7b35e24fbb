import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { spanQuery } from "../../api/queries";
import type { ReviewItem } from "../../api/review";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { contentOf } from "../../lib/messages/conversation";
import { Blocks } from "../trace/Blocks";
import { Conversation } from "../trace/Conversation";
import { Documents } from "../trace/Documents";
import styles from "./Review.module.css";

/** Why an item is in the queue, as reviewers read it. */
const BECAUSE: Readonly<Record<string, string>> = {
  random: "drawn by chance", uncertain: "its score is near the threshold", disagreement: "judges differ", feedback: "a user was not content",
  novel: "unlike what was seen", diverse: "unlike the others", chosen: "put in by hand",
};

/** What is to be judged: the conversation of its span. */
export function Shown({ item }: { item: ReviewItem }) {
  const span = useQuery({ ...spanQuery(item.trace_id, item.shown_span_id), enabled: item.shown_span_id !== "" });
  const content = span.data && contentOf(span.data.span);
  return (
    <section className={`${panel["panel"] ?? ""} ${styles["shown"] ?? ""}`} aria-label="What is judged">
      <p className={styles["because"]}>
        <span>{BECAUSE[item.method] ?? item.method}</span>
        <Link to="/traces/$traceId" params={{ traceId: item.trace_id }} search={item.shown_span_id ? { span: item.shown_span_id } : {}}>Its trace</Link>
      </p>
      {span.isPending && item.shown_span_id !== "" && <p role="status" className={panel["note"]}>Loading…</p>}
      {span.isError && <Problem error={span.error} retry={() => void span.refetch()} />}
      {content?.kind === "conversation" && <Conversation key={item.id} input={content.input} output={content.output} tools={content.tools} />}
      {content?.kind === "documents" && <Documents query={content.query} documents={content.documents} output={content.output} />}
      {content?.kind === "blocks" && <Blocks blocks={content.blocks} />}
      {(content?.kind === "none" || item.shown_span_id === "") && <p className={panel["note"]}>This span carries no messages. Open its trace to judge it.</p>}
    </section>
  );
}
