import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Span } from "../../api/client";
import { spanQuery } from "../../api/queries";
import type { LightSpan } from "../../api/tree";
import { DiffLines } from "../../components/DiffLines";
import { LongText } from "../../components/LongText";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { diffLines } from "../../lib/diff";
import { plain } from "../../lib/csv";
import { contentOf } from "../../lib/messages/conversation";
import { spokenOf } from "../../lib/spoken";
import styles from "./Compare.module.css";

interface Side {
  traceId: string;
  span: LightSpan | undefined;
}

const NOTHING = { input: "", output: "" };

/** What one step was given and said in either trace, line by line. */
export function StepDiff({ a, b }: { a: Side | undefined; b: Side | undefined }) {
  const one = useQuery({ ...spanQuery(a?.traceId ?? "", a?.span?.span_id ?? ""), enabled: a?.span !== undefined });
  const other = useQuery({ ...spanQuery(b?.traceId ?? "", b?.span?.span_id ?? ""), enabled: b?.span !== undefined });
  const [left, right] = [one.data?.span, other.data?.span];
  const said = useMemo(() => ({ a: left ? spokenOf(contentOf(left)) : NOTHING, b: right ? spokenOf(contentOf(right)) : NOTHING }), [left, right]);
  const name = a?.span?.name ?? b?.span?.name ?? "Missing parent";
  const failed = one.error ?? other.error;
  const waiting = [a?.span && !one.data, b?.span && !other.data].some(Boolean);
  const locked = (one.data ?? other.data)?.payload === false;
  const silent = !said.a.input && !said.a.output && !said.b.input && !said.b.output;
  return (
    <section className={`${panel["panel"] ?? ""} ${styles["step"] ?? ""}`} aria-label={`Step ${name}`}>
      <header className={styles["stepHead"]}>
        <h2 dir="auto" title={name}>{name || "(no name)"}</h2>
        <Open letter="A" side={a} />
        <Open letter="B" side={b} />
      </header>
      {failed ? (
        <Problem error={failed} retry={() => void Promise.all([one.refetch(), other.refetch()])} />
      ) : waiting ? (
        <p className={panel["note"]} role="status">Loading …</p>
      ) : (
        <>
          {locked ? (
            <p className={panel["note"]}>Your key may not read prompts and answers. One made without <code>--no-payload</code> may.</p>
          ) : silent ? (
            <p className={panel["note"]}>This step carries no messages, input or output.</p>
          ) : (
            <>
              <Part title="Given" before={said.a.input} after={said.b.input} />
              <Part title="Said" before={said.a.output} after={said.b.output} />
            </>
          )}
          <Attributes a={left} b={right} />
        </>
      )}
    </section>
  );
}

function Open({ letter, side }: { letter: string; side: Side | undefined }) {
  if (!side?.span) return null;
  return <Link to="/traces/$traceId" params={{ traceId: side.traceId }} search={{ span: side.span.span_id }}>Open in {letter}</Link>;
}

function Part({ title, before, after }: { title: string; before: string; after: string }) {
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  if (!before && !after) return null;
  return (
    <div className={styles["part"]}>
      <h3>{title} {lines.length === 0 && <small>the same in both</small>}</h3>
      {lines.length > 0 ? <DiffLines lines={lines} label={`${title}: lines that differ`} /> : <LongText text={before} />}
    </div>
  );
}

/** Attributes that are not the same. */
function Attributes({ a, b }: { a: Span | undefined; b: Span | undefined }) {
  const rows = useMemo(() => {
    if (!a || !b) return [];
    const names = [...new Set([...Object.keys(a.attributes), ...Object.keys(b.attributes)])].sort();
    return names.map((name) => [name, plain(a.attributes[name]), plain(b.attributes[name])] as const).filter(([, one, other]) => one !== other);
  }, [a, b]);
  if (rows.length === 0) return null;
  return (
    <div className={styles["part"]}>
      <h3>Attributes that differ</h3>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={styles["attributes"]}>
          <thead><tr><th>Attribute</th><th>A</th><th>B</th></tr></thead>
          <tbody>{rows.slice(0, 200).map(([name, one, other]) => <tr key={name}><td><code>{name}</code></td><td>{one.slice(0, 300) || "–"}</td><td>{other.slice(0, 300) || "–"}</td></tr>)}</tbody>
        </table>
      </div>
    </div>
  );
}
