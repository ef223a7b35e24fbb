import { use, useState } from "react";
import { formatBytes } from "../lib/format";
import { piecesOf } from "../lib/marks";
import { cut, pieces } from "../lib/slices";
import { Copy } from "./Copy";
import { Marks } from "./Marks";
import { save } from "./save";
import styles from "./LongText.module.css";

interface Props {
  text: string;
  /** Characters shown before somebody asks for more. */
  first?: number;
  mono?: boolean;
}

/** Characters that one "show more" adds, and that one element holds. */
const STEP = 60_000;
const PIECE = 15_000;
/** Texts only so much longer than the beginning are shown whole. */
const SLACK = 1.25;

/** Text as it came, and nothing but text. However long it is, only a beginning is laid out. */
export function LongText({ text, first = 3_000, mono = false }: Props) {
  const [shown, setShown] = useState(text.length <= first * SLACK ? text.length : first);
  const rest = text.length - shown;
  return (
    <div className={styles["long"]} data-mono={mono || undefined}>
      {text.length <= PIECE ? (
        <div className={styles["text"]} dir="auto"><Marked text={rest > 0 ? `${cut(text, 0, shown).trimEnd()} …` : text} /></div>
      ) : (
        <div dir="auto">
          {pieces(text, shown, PIECE).map((piece, index) => (
            <div key={index} className={styles["text"]} data-piece={index > 0 || undefined}>{piece}</div>
          ))}
        </div>
      )}
      {(rest > 0 || shown > first * SLACK) && text.length > first * SLACK && (
        <div className={styles["more"]}>
          {rest > 0 && (
            <button type="button" onClick={() => setShown(Math.min(text.length, shown + STEP))}>
              Show {rest <= STEP ? "the rest" : "more"} <small>{formatBytes(rest)} left</small>
            </button>
          )}
          {shown > first && <button type="button" onClick={() => setShown(first)}>Show less</button>}
          {text.length > STEP && (
            <>
              <button type="button" onClick={() => save(text, "payload.txt")}>Download {formatBytes(text.length)}</button>
              <Copy value={text} label="Copy the whole text" />
            </>
          )}
        </div>
      )}
    </div>
  );
}

function Marked({ text }: { text: string }) {
  const marks = use(Marks);
  if (marks.length === 0) return text;
  return piecesOf(text, marks).map((piece, index) => (piece.isMarked ? <mark key={index} title="What a score points at">{piece.text}</mark> : piece.text));
}
