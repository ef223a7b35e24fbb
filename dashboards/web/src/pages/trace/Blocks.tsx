import { Copy } from "../../components/Copy";
import { JsonView } from "../../components/JsonView";
import { LongText } from "../../components/LongText";
import { Note } from "../../components/Note";
import type { Block } from "../../lib/messages/conversation";
import { BROKEN_NOTE } from "../../lib/messages/parse";
import styles from "./Blocks.module.css";

/** What went into a span and came out, where it is no conversation. */
export function Blocks({ blocks }: { blocks: readonly Block[] }) {
  return (
    <div className={styles["blocks"]}>
      {blocks.map((block) => (
        <section key={block.label} aria-label={block.label}>
          <header>
            <h3>{block.label}</h3>
            {block.raw !== "" && <Copy value={block.raw} label={`Copy: ${block.label}`} size={14} />}
          </header>
          {block.broken && <Note>{BROKEN_NOTE}</Note>}
          <div className={styles["body"]}>
            {block.raw === "" ? <span className={styles["empty"]}>Empty</span> :
             block.isJson ? <JsonView value={block.value} open={3} /> :
             <LongText text={block.raw} mono={block.broken} />}
          </div>
        </section>
      ))}
    </div>
  );
}
