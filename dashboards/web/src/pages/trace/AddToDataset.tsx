import { ActionIcon, Autocomplete, Button, Popover, SegmentedControl, Tooltip } from "@mantine/core";
import { IconTablePlus } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { addTrace, datasetsQuery, queryClient } from "../../api/queries";
import styles from "./AddToDataset.module.css";

const EXPECTED = [
  { value: "correction", label: "A correction" },
  { value: "output", label: "This answer" },
  { value: "none", label: "Nothing" },
] as const;
type Expected = (typeof EXPECTED)[number]["value"];

/** Makes an example of a trace, or of the span that is looked at. */
export function AddToDataset({ traceId, spanId }: { traceId: string; spanId: string | undefined }) {
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState("");
  const [expected, setExpected] = useState<Expected>("correction");
  const datasets = useInfiniteQuery({ ...datasetsQuery, enabled: opened });
  const adding = useMutation({
    mutationFn: () => addTrace(name.trim(), traceId, spanId ?? "", expected),
    onSuccess: () => Promise.all([queryClient.invalidateQueries({ queryKey: ["datasets"] }), queryClient.invalidateQueries({ queryKey: ["dataset"] })]),
  });
  const change = (value: string): void => {
    setName(value);
    adding.reset();
  };
  const done = adding.data;
  const said = done && (done.not_found > 0 ? "It has no input, so there is nothing to add." : done.added > 0 ? "Added." : done.changed > 0 ? "Changed." : "It is there already.");
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus withinPortal width={300}>
      <Popover.Target>
        <Tooltip label="Add to dataset">
          <ActionIcon variant="subtle" color="gray" onClick={() => setOpened(!opened)} aria-label="Add to dataset"><IconTablePlus size={17} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label="Add to dataset">
        <form
          className={styles["form"]}
          onSubmit={(event) => {
            event.preventDefault();
            adding.mutate();
          }}
        >
          <Autocomplete
            label="Dataset"
            placeholder="A name, new or not"
            data={[...new Set(datasets.data?.pages.flatMap((each) => each.items.map((item) => item.name)) ?? [])]}
            value={name}
            onChange={change}
            comboboxProps={{ withinPortal: false }}
            data-autofocus
          />
          <div>
            <span className={styles["label"]}>Expected</span>
            <SegmentedControl fullWidth size="xs" data={EXPECTED.map((each) => ({ ...each }))} value={expected} onChange={(value) => setExpected(value)} aria-label="Expected" />
          </div>
          <Button type="submit" size="compact-sm" disabled={!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name.trim())} loading={adding.isPending}>
            {spanId ? "Add this span" : "Add this trace"}
          </Button>
          {adding.isError && <p role="alert" className={styles["refused"]}>{adding.error.message}</p>}
          {said && <p role="status">{said} <Link to="/datasets/$name" params={{ name: name.trim() }}>Show the dataset</Link></p>}
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
