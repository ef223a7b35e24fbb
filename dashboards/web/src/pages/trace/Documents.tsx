import { JsonView } from "../../components/JsonView";
import { LongText } from "../../components/LongText";
import { useBeginning } from "../../components/useBeginning";
import { plural } from "../../lib/format";
import type { Block, Document } from "../../lib/messages/conversation";
import { Blocks } from "./Blocks";
import styles from "./Documents.module.css";

interface Props {
  query: Block | undefined;
  documents: readonly Document[];
  output: Block | undefined;
}

const STEP = 20;

export function Documents({ query, documents, output }: Props) {
  const [shown, more] = useBeginning(documents, STEP, "document");
  const best = Math.max(...documents.map((document) => document.score ?? 0), 0);
  return (
    <div className={styles["documents"]}>
      {query && <Blocks blocks={[query]} />}
      <h3>{plural(documents.length, "document")}</h3>
      {shown.map((document, index) => (
        <article key={index} className={styles["card"]}>
          <header>
            <span className={styles["rank"]}>{index + 1}</span>
            <b dir="auto">{document.title || document.id || "Document"}</b>
            {document.title && document.id && <code>{document.id}</code>}
            {document.score !== undefined && (
              <span className={styles["score"]} title={`Score ${document.score}`}>
                <i aria-hidden><b style={{ width: `${best > 0 ? Math.max(0, (100 * document.score) / best) : 0}%` }} /></i>
                {document.score.toFixed(Math.abs(document.score) < 10 ? 3 : 1)}
              </span>
            )}
          </header>
          {document.text && <div className={styles["text"]}><LongText text={document.text} first={360} /></div>}
          {Object.keys(document.rest).length > 0 && (
            <div className={styles["rest"]}><JsonView value={document.rest} open={Object.keys(document.rest).length < 6 ? 1 : 0} /></div>
          )}
        </article>
      ))}
      {more}
      {output && <Blocks blocks={[output]} />}
    </div>
  );
}
