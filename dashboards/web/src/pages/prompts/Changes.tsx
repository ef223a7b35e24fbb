import { useQuery } from "@tanstack/react-query";
import { promptDiffQuery, promptVersionQuery, type PromptKey } from "../../api/queries";
import { DiffLines } from "../../components/DiffLines";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import styles from "./Prompts.module.css";

/** What two versions say differently; of one alone, what it says. */
export function Changes({ asked, before, after }: { asked: PromptKey; before: number; after: number }) {
  const isOne = before === after;
  const diff = useQuery({ ...promptDiffQuery(asked, before, after), enabled: !isOne });
  const version = useQuery(promptVersionQuery(asked, after));
  const failed = diff.error ?? version.error;
  return (
    <section className={panel["panel"]} aria-label="What it says">
      <h2>{isOne ? `Version ${after}` : `From version ${before} to ${after}`}</h2>
      {failed && <Problem error={failed} retry={() => void Promise.all([diff.refetch(), version.refetch()])} />}
      {!isOne && diff.data && (diff.data.lines.length > 0 ? <DiffLines lines={diff.data.lines} /> : <p className={panel["note"]}>Both say the same.</p>)}
      {version.data && (
        <details className={styles["whole"]} open={isOne || undefined}>
          <summary>All of version {after}</summary>
          <pre tabIndex={0}>{wordsOf(version.data.definition)}</pre>
        </details>
      )}
    </section>
  );
}

/** A definition as people read it: the messages as they stand, then all else. */
function wordsOf(definition: Record<string, unknown>): string {
  const { template, ...rest } = definition;
  const messages = Array.isArray(template) ? template.map(messageOf).join("\n\n") : String(template);
  return `${messages}\n\n${JSON.stringify(rest, null, 2)}`;
}

function messageOf(message: unknown): string {
  if (typeof message !== "object" || message === null) return String(message);
  const { role, content, placeholder } = message as Record<string, string | undefined>;
  return placeholder === undefined ? `[${role}]\n${content}` : `[messages: ${placeholder}]`;
}
