import type { AlignType, Nodes, RootContent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTable } from "micromark-extension-gfm-table";
import { createElement, Fragment, useMemo, type ReactNode } from "react";
import { isOutside } from "../lib/addresses";
import styles from "./Markdown.module.css";

/** Markdown as elements, and nothing of it is obeyed: HTML is shown as text, pictures by their words, and only links to web pages are links. */
export function Markdown({ text, level = 3 }: { text: string; level?: number }) {
  const tree = useMemo(() => fromMarkdown(text, { extensions: [gfmTable()], mdastExtensions: [gfmTableFromMarkdown()] }), [text]);
  return <div className={styles["markdown"]}>{tree.children.map((node, index) => <Fragment key={index}>{shown(node, level)}</Fragment>)}</div>;
}

function shown(node: RootContent, level: number): ReactNode {
  switch (node.type) {
    case "heading":
      return createElement(`h${Math.min(6, level + node.depth - 1)}`, {}, inside(node, level));
    case "paragraph":
      return <p>{inside(node, level)}</p>;
    case "blockquote":
      return <blockquote>{inside(node, level)}</blockquote>;
    case "list":
      return node.ordered ? <ol start={node.start ?? 1}>{inside(node, level)}</ol> : <ul>{inside(node, level)}</ul>;
    case "listItem":
      // A list's lines stand close: the paragraphs that Markdown makes of them would part them.
      return <li>{node.children.map((each, index) => <Fragment key={index}>{each.type === "paragraph" && index === 0 ? inside(each, level) : shown(each, level)}</Fragment>)}</li>;
    case "code":
      return <pre tabIndex={0}><code>{node.value}</code></pre>;
    case "inlineCode":
      return <code>{node.value}</code>;
    case "strong":
      return <strong>{inside(node, level)}</strong>;
    case "emphasis":
      return <em>{inside(node, level)}</em>;
    case "delete":
      return <del>{inside(node, level)}</del>;
    case "break":
      return <br />;
    case "thematicBreak":
      return <hr />;
    case "link":
      return isOutside(node.url) ? <a href={node.url} target="_blank" rel="noopener noreferrer nofollow">{inside(node, level)}</a> : inside(node, level);
    case "image":
      return node.alt ? <em>{node.alt}</em> : null;
    case "table": {
      const [head, ...rows] = node.children;
      const cell = (name: "th" | "td", row: typeof head, align: AlignType[]): ReactNode =>
        row?.children.map((each, index) => createElement(name, { key: index, "data-align": align[index] ?? undefined }, inside(each, level)));
      const align = node.align ?? [];
      return (
        <div className={styles["scroll"]} tabIndex={0}>
          <table><thead><tr>{cell("th", head, align)}</tr></thead><tbody>{rows.map((row, index) => <tr key={index}>{cell("td", row, align)}</tr>)}</tbody></table>
        </div>
      );
    }
    case "text":
    case "html":
      return node.value;
    default:
      return "children" in node ? inside(node, level) : null;
  }
}

function inside(node: Nodes, level: number): ReactNode {
  return "children" in node ? node.children.map((each, index) => <Fragment key={index}>{shown(each, level)}</Fragment>) : null;
}
