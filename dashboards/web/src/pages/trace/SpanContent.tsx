import { IconLock, IconMessageOff } from "@tabler/icons-react";
import type { LightSpan } from "../../api/tree";
import { KindIcon } from "../../components/KindIcon";
import { formatDuration } from "../../lib/format";
import { type Content, mayHaveContent } from "../../lib/messages/conversation";
import { kindOfSpan } from "../../lib/summary";
import type { Tree, TreeNode } from "../../lib/tree";
import { Blocks } from "./Blocks";
import { Conversation } from "./Conversation";
import { Documents } from "./Documents";
import styles from "./SpanContent.module.css";

interface Props {
  content: Content;
  span: LightSpan;
  /** Whether the key may read what people and models wrote. */
  granted: boolean;
  tree: Tree<LightSpan>;
  node: TreeNode<LightSpan>;
  onSelect: (index: number, show?: boolean) => void;
}

/** Spans below this one that are offered where it has no content itself. */
const MOST_OFFERED = 12;

export function SpanContent({ content, span, granted, tree, node, onSelect }: Props) {
  if (!granted && mayHaveContent(span)) {
    return (
      <div className={styles["nothing"]}>
        <IconLock size={18} stroke={1.6} aria-hidden />
        <p>Your key may not read prompts and answers. One made without <code>--no-payload</code> may.</p>
      </div>
    );
  }
  if (content.kind === "conversation") return <Conversation input={content.input} output={content.output} tools={content.tools} />;
  if (content.kind === "documents") return <Documents query={content.query} documents={content.documents} output={content.output} />;
  if (content.kind === "blocks") return <Blocks blocks={content.blocks} />;
  const below = withContentBelow(tree, node);
  return (
    <>
      <div className={styles["nothing"]}>
        <IconMessageOff size={18} stroke={1.6} aria-hidden />
        <p>This span carries no messages, input or output{below.length > 0 ? ". These below it do:" : "."}</p>
      </div>
      {below.length > 0 && (
        <ul className={styles["below"]}>
          {below.map(({ index, span: inner }) => (
            <li key={index}>
              <button type="button" onClick={() => onSelect(index, true)}>
                <KindIcon kind={kindOfSpan(inner)} />
                <span>{inner.name}</span>
                <small>{formatDuration(inner.duration_ns)}</small>
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function withContentBelow(tree: Tree<LightSpan>, node: TreeNode<LightSpan>): { index: number; span: LightSpan }[] {
  const found: { index: number; span: LightSpan }[] = [];
  const stack = [...node.children].reverse();
  for (let index = stack.pop(); index !== undefined && found.length < MOST_OFFERED; index = stack.pop()) {
    const below = tree.nodes[index];
    if (below?.span && mayHaveContent(below.span)) found.push({ index, span: below.span });
    stack.push(...[...(below?.children ?? [])].reverse());
  }
  return found;
}
