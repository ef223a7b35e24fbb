import { Button, Popover, TextInput } from "@mantine/core";
import { IconCalendarTime, IconChevronDown } from "@tabler/icons-react";
import { type SubmitEvent, useState } from "react";
import { describeRange, fromLocalInput, PRESETS, presetOf, shortRange, type TimeRange, toLocalInput, windowOf } from "../lib/time";
import styles from "./TimeRangePicker.module.css";

export function TimeRangePicker({ range, onChange }: { range: TimeRange; onChange: (range: TimeRange) => void }) {
  const [opened, setOpened] = useState(false);
  const choose = (next: TimeRange): void => {
    setOpened(false);
    onChange(next);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          size="compact-md"
          fz={13}
          h={32}
          leftSection={<IconCalendarTime size={16} stroke={1.6} />}
          rightSection={<IconChevronDown size={14} stroke={1.6} />}
          onClick={() => setOpened(!opened)}
          aria-label={`Range of time: ${describeRange(range)}`}
        >
          <span className={styles["long"]}>{describeRange(range)}</span>
          <span className={styles["short"]}>{shortRange(range)}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={0}>
        {opened && <Choices range={range} onChoose={choose} />}
      </Popover.Dropdown>
    </Popover>
  );
}

function Choices({ range, onChoose }: { range: TimeRange; onChoose: (range: TimeRange) => void }) {
  const [opened] = useState(() => Date.now());
  const window = windowOf(range, opened);
  const [from, setFrom] = useState(toLocalInput(window.start));
  const [to, setTo] = useState(window.end ? toLocalInput(window.end) : "");
  const start = fromLocalInput(from);
  const end = to === "" ? undefined : fromLocalInput(to);
  const wrong =
    start === undefined ? "Enter when the range begins." :
    to !== "" && end === undefined ? "Enter when the range ends, or leave it empty." :
    end !== undefined && end <= start ? "The end has to lie after the beginning." : "";
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!wrong && start) onChoose({ from: start, ...(end && { to: end }) });
  };
  const current = presetOf(range)?.key;
  return (
    <div className={styles["choices"]}>
      <div className={styles["presets"]} role="group" aria-label="Until now">
        {PRESETS.map((preset) => (
          <button key={preset.key} type="button" aria-pressed={preset.key === current} onClick={() => onChoose({ range: preset.key })}>
            Last {preset.label}
          </button>
        ))}
      </div>
      <form className={styles["absolute"]} onSubmit={submit}>
        <TextInput type="datetime-local" label="From" value={from} max="2199-12-31T23:59" onChange={(event) => setFrom(event.currentTarget.value)} />
        <TextInput type="datetime-local" label="To" description="Empty is now" value={to} max="2199-12-31T23:59" onChange={(event) => setTo(event.currentTarget.value)} />
        {wrong && <p role="alert" className={styles["wrong"]}>{wrong}</p>}
        <Button type="submit" disabled={wrong !== ""} fullWidth>Apply</Button>
        <small>Times are in {Intl.DateTimeFormat().resolvedOptions().timeZone}.</small>
      </form>
    </div>
  );
}
