import { Autocomplete, Button, Popover, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { addTraces, datasetsQuery, queryClient } from "../../api/queries";
import { formatCount } from "../../lib/format";
import styles from "./AddToDataset.module.css";

const EXPECTED = [
  { value: "correction", label: "A correction" },
  { value: "output", label: "This answer" },
  { value: "none", label: "Nothing" },
] as const;
type Expected = (typeof EXPECTED)[number]["value"];

interface Props {
  /** What examples are made of: traces, whole where no span is named. */
  targets: readonly { trace_id: string; span_id: string }[];
  /** Opens the form. */
  button: (toggle: () => void) => ReactNode;
}

/** Makes examples of traces, or of the span that is looked at. */
export function AddToDataset({ targets, button }: Props) {
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState("");
  const [expected, setExpected] = useState<Expected>("correction");
  const datasets = useInfiniteQuery({ ...datasetsQuery, enabled: opened });
  const adding = useMutation({
    mutationFn: () => addTraces(name.trim(), targets, expected),
    onSuccess: () => Promise.all([queryClient.invalidateQueries({ queryKey: ["datasets"] }), queryClient.invalidateQueries({ queryKey: ["dataset"] })]),
  });
  const change = (value: string): void => {
    setName(value);
    adding.reset();
  };
  const done = adding.data;
  const one = targets.length === 1;
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus withinPortal width={300}>
      <Popover.Target><span>{button(() => setOpened(!opened))}</span></Popover.Target>
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
            {!one ? `Add ${formatCount(targets.length)} traces` : targets[0]?.span_id ? "Add this span" : "Add this trace"}
          </Button>
          {adding.isError && <p role="alert" className={styles["refused"]}>{adding.error.message}</p>}
          {done && <p role="status">{one ? saidOfOne(done) : saidOfAll(done)} <Link to="/datasets/$name" params={{ name: name.trim() }}>Show the dataset</Link></p>}
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

interface Done {
  added: number;
  changed: number;
  not_found: number;
}

function saidOfOne({ added, changed, not_found }: Done): string {
  if (not_found > 0) return "It has no input, so there is nothing to add.";
  return added > 0 ? "Added." : changed > 0 ? "Changed." : "It is there already.";
}

function saidOfAll({ added, changed, not_found }: Done): string {
  const parts = [`${formatCount(added)} added`, changed > 0 && `${formatCount(changed)} changed`, not_found > 0 && `${formatCount(not_found)} without an input`];
  return `${parts.filter(Boolean).join(", ")}${added + changed + not_found === 0 ? ": all were there" : ""}.`;
}
