import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { tracesOf } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { useNow, When } from "../../components/When";
import { plural } from "../../lib/format";
import styles from "./Privacy.module.css";

/** Which traces hold somebody's value, for requests of access and erasure. */
export function Subject() {
  const [value, setValue] = useState("");
  const now = useNow();
  const asked = useMutation({ mutationFn: tracesOf });
  const traces = asked.data?.traces;
  return (
    <section className={panel["panel"]} aria-label="Whose is it">
      <h2>Whose is it</h2>
      <form
        className={styles["ask"]}
        onSubmit={(event) => {
          event.preventDefault();
          asked.mutate(value.trim());
        }}
      >
        <TextInput aria-label="A value that somebody asks about" placeholder="ana@example.com, +44 20 7946 0958, …" value={value} onChange={(event) => setValue(event.currentTarget.value)} autoComplete="off" />
        <Button type="submit" variant="default" disabled={value.trim().length < 3} loading={asked.isPending}>Find traces</Button>
      </form>
      {asked.isError && <p role="alert" className={styles["failed"]}>{asked.error.message}</p>}
      {traces && (traces.length === 0 ? <p className={panel["note"]} role="status">No trace holds it.</p> : (
        <>
          <p className={panel["note"]} role="status">{plural(traces.length, "trace")}{asked.data?.truncated ? ", and more" : ""}.</p>
          <ul className={styles["traces"]} aria-label="Traces that hold it">
            {traces.map((each) => (
              <li key={`${each.project} ${each.trace_id}`}>
                <Link to="/traces/$traceId" params={{ traceId: each.trace_id }} search={{ span: each.span_ids[0] }} className={styles["link"]}>{each.trace_id}</Link>{" "}
                <small><span dir="auto">{each.service}</span>: {each.entities.join(", ")} in {each.fields.join(", ")}, <When time={each.start} now={now} /></small>
              </li>
            ))}
          </ul>
        </>
      ))}
      <p className={panel["note"]}>The value is compared by a keyed hash, and kept nowhere.</p>
    </section>
  );
}
