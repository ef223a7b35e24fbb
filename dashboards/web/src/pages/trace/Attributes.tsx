import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { Fragment, useMemo, useState } from "react";
import { Copy } from "../../components/Copy";
import { JsonView } from "../../components/JsonView";
import { LongText } from "../../components/LongText";
import { useBeginning } from "../../components/useBeginning";
import { type Json, readJson, textOf } from "../../lib/json";
import styles from "./Attributes.module.css";

interface Group {
  title: string;
  values: Readonly<Record<string, unknown>>;
}

type Entry = readonly [key: string, value: Json];

/** Values of one group that are shown at a time. */
const STEP = 100;

/** Names with their values in the type they were sent in. */
export function Attributes({ groups }: { groups: readonly Group[] }) {
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const all = useMemo(
    () => groups.map(({ title, values }) => ({
      title,
      entries: Object.entries(values)
        .map(([key, value]): Entry => [key, value as Json])
        .sort(([a], [b]) => BY_NAME.compare(a, b)),
    })),
    [groups],
  );
  const shown = all.map((group) => ({ ...group, entries: group.entries.filter(([key, value]) => fits(key, value, wanted)) }));
  const total = all.reduce((count, group) => count + group.entries.length, 0);
  const nothing = shown.every((group) => group.entries.length === 0);
  return (
    <div className={styles["attributes"]}>
      {total > 6 && (
        <TextInput
          size="xs"
          placeholder="Find a name or value"
          aria-label="Find an attribute"
          leftSection={<IconSearch size={15} stroke={1.6} />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      {nothing && <p className={styles["nothing"]}>{total === 0 ? "None were sent." : "Nothing fits."}</p>}
      {shown.filter((group) => group.entries.length > 0).map((group) => (
        <section key={group.title} aria-label={group.title}>
          {all.length > 1 && <h3>{group.title}</h3>}
          <Entries entries={group.entries} />
        </section>
      ))}
    </div>
  );
}

function Entries({ entries }: { entries: readonly Entry[] }) {
  const [shown, more] = useBeginning(entries, STEP, "value");
  return (
    <>
      <dl>
        {shown.map(([key, value]) => (
          <div key={key} className={styles["row"]}>
            <dt title={typeName(value)}><Breakable text={key} /></dt>
            <dd><Value value={value} /></dd>
            <span className={styles["copy"]}><Copy value={() => textOf(value)} label={`Copy ${key}`} size={13} /></span>
          </div>
        ))}
      </dl>
      {more}
    </>
  );
}

const BY_NAME = new Intl.Collator();

/** A dotted name that may go on in the next line after a dot or an underscore. */
function Breakable({ text }: { text: string }) {
  return text.split(/(?<=[._/])/).slice(0, 200).map((piece, index) => <Fragment key={index}>{piece}<wbr /></Fragment>);
}

function Value({ value }: { value: Json }) {
  if (typeof value === "string") {
    const reading = readJson(value);
    if (reading.isJson) return <JsonView value={reading.value} open={value.length < 400 ? 2 : 0} />;
    return value === "" ? <i>empty</i> : <LongText text={value} first={400} mono={value.includes("\n")} />;
  }
  if (typeof value === "object" && value !== null) return <JsonView value={value} open={1} />;
  return <span className={styles[typeof value]}>{String(value)}</span>;
}

function typeName(value: Json): string {
  if (Array.isArray(value)) return "list";
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "object" ? "map" : typeof value;
}

function fits(key: string, value: Json, wanted: string): boolean {
  return wanted === "" || key.toLowerCase().includes(wanted) || textOf(value).toLowerCase().includes(wanted);
}
