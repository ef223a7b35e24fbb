import { IconChevronRight } from "@tabler/icons-react";
import { Fragment, useState } from "react";
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
  const entries = entriesOf(value);
  return (
    <div className={styles["json"]}>
      {entries && entries.length > 0 && !isShort(value) ? <Entries entries={entries} open={open - 1} /> : <Node value={value} open={open} />}
    </div>
  );
}

function entriesOf(value: Json): [string, Json][] | undefined {
  if (Array.isArray(value)) return value.map((each, index) => [String(index), each]);
  return isObject(value) ? Object.entries(value) : undefined;
}

/** Lists of a few short values, which read best on one line. */
function isShort(value: Json): value is (string | number | boolean | null)[] {
  return (
    Array.isArray(value) && value.length > 0 && value.length <= 8 &&
    value.every((each) => typeof each !== "object" || each === null) &&
    value.reduce<number>((sum, each) => sum + String(each).length + 4, 0) <= 80 &&
    !value.some((each) => typeof each === "string" && each.includes("\n"))
  );
}

function Node({ name, value, open }: { name?: string | undefined; value: Json; open: number }) {
  if (isShort(value)) {
    return (
      <div className={styles["leaf"]}>
        {name !== undefined && <span className={styles["key"]}>{name}</span>}
        <span>[{value.map((each, index) => <Fragment key={index}>{index > 0 && ", "}<Scalar value={each} /></Fragment>)}]</span>
      </div>
    );
  }
  const entries = entriesOf(value);
  if (entries) return <Branch name={name} entries={entries} list={Array.isArray(value)} open={open} />;
  const long = typeof value === "string" && (value.length > INLINE || value.includes("\n"));
  return (
    <div className={styles["leaf"]} data-long={long || undefined}>
      {name !== undefined && <span className={styles["key"]}>{name}</span>}
      {typeof value === "string" ? (
        long ? <div className={styles["string"]} dir="auto"><LongText text={value} first={1_000} mono /></div> : <Scalar value={value} />
      ) : <Scalar value={value as number | boolean | null} />}
    </div>
  );
}

function Scalar({ value }: { value: string | number | boolean | null }) {
  if (typeof value === "string") return <span className={styles["string"]} dir="auto">{`"${value}"`}</span>;
  return <span className={styles[value === null ? "null" : typeof value]}>{String(value)}</span>;
}

function Branch({ name, entries, list, open }: { name: string | undefined; entries: [string, Json][]; list: boolean; open: number }) {
  const [opened, setOpened] = useState(open > 0 && entries.length <= 2 * PAGE);
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
        <div className={styles["children"]}><Entries entries={entries} open={open - 1} /></div>
      )}
    </div>
  );
}

function Entries({ entries, open }: { entries: [string, Json][]; open: number }) {
  const [shown, setShown] = useState(PAGE);
  return (
    <>
      {entries.slice(0, shown).map(([key, value]) => <Node key={key} name={key} value={value} open={open} />)}
      {entries.length > shown && (
        <button type="button" className={styles["more"]} onClick={() => setShown(shown + PAGE)}>
          Show {Math.min(PAGE, entries.length - shown)} of {entries.length - shown} more
        </button>
      )}
    </>
  );
}
