import { IconAlertCircleFilled } from "@tabler/icons-react";
import type { SpanEvent } from "../../api/client";
import type { LightSpan } from "../../api/tree";
import { LongText } from "../../components/LongText";
import { useBeginning } from "../../components/useBeginning";
import styles from "./SpanErrors.module.css";

/** Exceptions whose stacks are shown at a time. */
const STEP = 20;

/** What went wrong, where it went wrong. */
export function SpanErrors({ span, events }: { span: LightSpan; events: readonly SpanEvent[] }) {
  const exceptions = events.filter(isException);
  const [shown, more] = useBeginning(exceptions, STEP, "exception");
  if (span.status !== "error" && exceptions.length === 0) return null;
  const text = (event: SpanEvent, key: string): string => {
    const value = event.attributes[`exception.${key}`];
    return typeof value === "string" ? value : "";
  };
  const first = exceptions[0];
  const type = span.error_type || (first ? text(first, "type") : "");
  const message = span.status_message || (first ? text(first, "message") : "");
  const handled = span.status !== "error";
  return (
    <div className={styles["error"]} data-handled={handled || undefined} role="group" aria-label="Error">
      <div className={styles["title"]}>
        <IconAlertCircleFilled size={16} aria-hidden />
        <b>{type || "Error"}</b>
        {handled && <small>recorded; the span did not fail</small>}
      </div>
      <LongText text={message || "The span failed and gave no reason."} first={1_200} />
      {shown.map((event, index) => {
        const stack = text(event, "stacktrace");
        return stack ? (
          <details key={index}>
            <summary>{exceptions.length > 1 ? `Stack of ${text(event, "type") || "exception"} ${index + 1}` : "Stack"}</summary>
            <LongText text={stack} first={6_000} mono />
          </details>
        ) : null;
      })}
      {more}
    </div>
  );
}

export function isException(event: SpanEvent): boolean {
  return event.name === "exception" || "exception.type" in event.attributes;
}
