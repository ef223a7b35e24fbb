import { IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { isObject, type Json } from "../lib/json";
import { LongText } from "./LongText";
import styles from "./JsonView.module.css";

/** Entries of one list or object that are shown at once. */
const PAGE = 100;
/** Characters of a text that stay on its line. */
const INLINE = 120;

interface Props {
  value: Json;
  /** Levels that are open to begin with. */
  open?: number;
}

/** JSON as a tree. Only what is open exists on the page, so size and depth cost nothing. */
export function JsonView({ value, open = 2 }: Props) {
  return (
    <div className={styles["json"]}>
      <Node value={value} open={open} />
    </div>
  );
}

function Node({ name, value, open }: { name?: string | undefined; value: Json; open: number }) {
  if (Array.isArray(value)) return <Branch name={name} entries={value.map((each, index) => [String(index), each])} list open={open} />;
  if (isObject(value)) return <Branch name={name} entries={Object.entries(value)} list={false} open={open} />;
  const long = typeof value === "string" && (value.length > INLINE || value.includes("\n"));
  return (
    <div className={styles["leaf"]} data-long={long || undefined}>
      {name !== undefined && <span className={styles["key"]}>{name}</span>}
      {typeof value === "string" ? (
        <span className={styles["string"]} dir="auto">{long ? <LongText text={value} first={1_000} mono /> : `"${value}"`}</span>
      ) : (
        <span className={styles[value === null ? "null" : typeof value]}>{String(value)}</span>
      )}
    </div>
  );
}

function Branch({ name, entries, list, open }: { name: string | undefined; entries: [string, Json][]; list: boolean; open: number }) {
  const [opened, setOpened] = useState(open > 0 && entries.length <= 2 * PAGE);
  const [shown, setShown] = useState(PAGE);
  const size = list ? `[${entries.length}]` : `{${entries.length}}`;
  if (entries.length === 0) {
    return (
      <div className={styles["leaf"]}>
        {name !== undefined && <span className={styles["key"]}>{name}</span>}
        <span className={styles["null"]}>{list ? "[ ]" : "{ }"}</span>
      </div>
    );
  }
  return (
    <div className={styles["branch"]}>
      <button type="button" className={styles["fold"]} aria-expanded={opened} onClick={() => setOpened(!opened)}>
        <IconChevronRight size={12} stroke={2} aria-hidden />
        {name !== undefined && <span className={styles["key"]}>{name}</span>}
        <small>{size}</small>
      </button>
      {opened && (
        <div className={styles["children"]}>
          {entries.slice(0, shown).map(([key, value]) => <Node key={key} name={key} value={value} open={open - 1} />)}
          {entries.length > shown && (
            <button type="button" className={styles["more"]} onClick={() => setShown(shown + PAGE)}>
              Show {Math.min(PAGE, entries.length - shown)} of {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}
