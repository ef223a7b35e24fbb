import { Autocomplete, Button, Popover } from "@mantine/core";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { queryClient } from "../../api/queries";
import { addToQueue, queuesQuery } from "../../api/review";
import styles from "./Review.module.css";

/** Puts chosen traces into a review queue. */
export function AddToQueue({ traces }: { traces: readonly string[] }) {
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState("");
  const queues = useInfiniteQuery({ ...queuesQuery, enabled: opened });
  const adding = useMutation({
    mutationFn: () => addToQueue(name.trim(), [...traces]),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["review"] }),
  });
  const names = [...new Set(queues.data?.pages.flatMap((each) => each.items.map((queue) => queue.name)) ?? [])];
  const done = adding.data;
  return (
    <Popover opened={opened} onChange={setOpened} position="top-end" trapFocus withinPortal width={300}>
      <Popover.Target><button type="button" onClick={() => setOpened(!opened)}>Add to review queue</button></Popover.Target>
      <Popover.Dropdown aria-label="Add to review queue">
        <form
          className={styles["form"]}
          onSubmit={(event) => {
            event.preventDefault();
            adding.mutate();
          }}
        >
          <Autocomplete label="Queue" data={names} value={name} onChange={setName} comboboxProps={{ withinPortal: false }} data-autofocus />
          {queues.data && names.length === 0 && <p>There is no queue yet. <Link to="/review">How to make one</Link></p>}
          <Button type="submit" size="compact-sm" disabled={name.trim() === ""} loading={adding.isPending}>Add {traces.length === 1 ? "this trace" : `${traces.length} traces`}</Button>
          {adding.isError && <p role="alert" className={styles["trouble"]}>{adding.error.message}</p>}
          {done && <p role="status">{done.added} added{done.there_already > 0 && `, ${done.there_already} were there`}. <Link to="/review/$name" params={{ name: name.trim() }}>Show the queue</Link></p>}
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
