import { Tooltip } from "@mantine/core";
import styles from "./LiveSwitch.module.css";

interface Props {
  on: boolean;
  paused: boolean;
  /** A range that has ended gets nothing new. */
  available: boolean;
  onToggle: () => void;
}

export function LiveSwitch({ on, paused, available, onToggle }: Props) {
  const label = !available ? "A range that has ended gets nothing new" : paused ? "Paused while you read; scroll to the top to go on" : on ? "New traces appear by themselves (L)" : "Let new traces appear by themselves (L)";
  return (
    <Tooltip label={label}>
      <button type="button" className={styles["switch"]} role="switch" aria-checked={on} aria-label="Live" disabled={!available} onClick={onToggle} data-paused={paused || undefined}>
        <i aria-hidden />
        {paused ? "Paused" : "Live"}
      </button>
    </Tooltip>
  );
}
