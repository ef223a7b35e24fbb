// What a step took in and gave out, as plain lines of text.

import { textOf } from "./json";
import type { Content } from "./messages/conversation";
import type { Message, Part } from "./messages/types";

export interface Spoken {
  input: string;
  output: string;
}

/** Both sides of a step; empty where it carries nothing. */
export function spokenOf(content: Content): Spoken {
  if (content.kind === "conversation") return { input: messages(content.input.messages), output: messages(content.output.messages) };
  if (content.kind === "documents") {
    const documents = content.documents.map(({ id, title, text, score }) => [`[${[id, title].filter(Boolean).join(" · ") || "document"}${score === undefined ? "" : ` ${score}`}]`, text].join("\n")).join("\n\n");
    return { input: content.query?.raw ?? "", output: [documents, content.output?.raw ?? ""].filter(Boolean).join("\n\n") };
  }
  if (content.kind === "blocks") {
    const [first, ...rest] = content.blocks.map(({ value, isJson, raw }) => (isJson ? textOf(value) : raw));
    return { input: first ?? "", output: rest.join("\n\n") };
  }
  return { input: "", output: "" };
}

function messages(list: readonly Message[]): string {
  return list.map((message) => [`[${message.sentRole || message.role}]`, ...message.parts.map(part)].join("\n")).join("\n\n");
}

function part(each: Part): string {
  if ("text" in each) return each.text;
  if (each.kind === "tool_call") return `${each.name}(${textOf(each.input)})`;
  if (each.kind === "tool_result") return textOf(each.output);
  if (each.kind === "media") return `(${each.modality} ${each.mime})`;
  return textOf(each.value);
}
