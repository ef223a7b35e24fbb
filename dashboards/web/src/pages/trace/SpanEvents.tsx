import { IconAlertCircleFilled, IconArrowUpRight, IconPointFilled } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Span } from "../../api/client";
import { useBeginning } from "../../components/useBeginning";
import { formatDuration } from "../../lib/format";
import { millisOf } from "../../lib/time";
import { Attributes } from "./Attributes";
import { isException } from "./SpanErrors";
import styles from "./SpanEvents.module.css";

/** Events, and links, that are shown at a time. */
const STEP = 50;

export function SpanEvents({ span }: { span: Span }) {
  const all = useMemo(() => [...span.events, ...(span.payload_events ?? [])].sort((a, b) => (a.time < b.time ? -1 : Number(a.time > b.time))), [span]);
  const [events, moreEvents] = useBeginning(all, STEP, "event");
  const [links, moreLinks] = useBeginning(span.links, STEP, "link");
  const start = millisOf(span.start_time);
  if (all.length + span.links.length === 0) return <p className={styles["nothing"]}>This span has no events and no links.</p>;
  return (
    <div className={styles["events"]}>
      {events.map((event, index) => {
        const after = Math.max(0, millisOf(event.time) - start);
        return (
          <article key={index} data-failed={isException(event) || undefined}>
            <header>
              {isException(event) ? <IconAlertCircleFilled size={15} aria-hidden /> : <IconPointFilled size={15} aria-hidden />}
              <b>{event.name}</b>
              <time dateTime={event.time} title={event.time}>+{formatDuration(after * 1e6)}</time>
            </header>
            {Object.keys(event.attributes).length > 0 && <Attributes groups={[{ title: event.name, values: event.attributes }]} />}
          </article>
        );
      })}
      {moreEvents}
      {span.links.length > 0 && <h3>Links to other spans</h3>}
      {links.map((link, index) => (
        <article key={`link${index}`}>
          <header>
            <IconArrowUpRight size={15} aria-hidden />
            <Link to="/traces/$traceId" params={{ traceId: link.trace_id }} search={{ span: link.span_id }}>
              <code>{link.trace_id.slice(0, 8)}…{link.span_id}</code>
            </Link>
          </header>
          {Object.keys(link.attributes).length > 0 && <Attributes groups={[{ title: "Link", values: link.attributes }]} />}
        </article>
      ))}
      {moreLinks}
    </div>
  );
}
