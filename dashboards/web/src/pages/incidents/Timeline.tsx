import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { IncidentDetail } from "../../api/client";
import { incidents } from "../../api/queries";
import { When } from "../../components/When";
import { wordOf } from "../../lib/incidents";
import styles from "./Incident.module.css";

/** What happened and what was done, in its order, and a place to write it down. */
export function Timeline({ incident, now, onChanged }: { incident: IncidentDetail; now: number; onChanged: (data: IncidentDetail) => void }) {
  const [text, setText] = useState("");
  const writing = useMutation({
    mutationFn: () => incidents.note(incident.id, text.trim()),
    onSuccess: (data) => {
      setText("");
      onChanged(data);
    },
  });
  return (
    <section className={styles["part"]} aria-label="Timeline">
      <h3>Timeline</h3>
      <ol className={styles["timeline"]}>
        {incident.entries.map((each, index) => (
          <li key={index} data-kind={each.kind}>
            <p><b>{wordOf(each.kind)}</b>{each.author && <> · <span dir="auto">{each.author}</span></>} · <When time={each.at} now={now} /></p>
            {each.text && <p dir="auto" className={styles["said"]}>{each.text}</p>}
          </li>
        ))}
      </ol>
      <form
        className={styles["note"]}
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") writing.mutate();
        }}
      >
        <textarea value={text} rows={3} maxLength={10_000} placeholder="What was seen, tried or decided" aria-label="Note" onChange={(event) => setText(event.target.value)} />
        <Button type="submit" size="compact-sm" variant="default" disabled={text.trim() === ""} loading={writing.isPending}>Add note</Button>
        {writing.error && <p role="alert" className={styles["failed"]}>{writing.error.message}</p>}
      </form>
    </section>
  );
}
