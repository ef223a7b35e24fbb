// What a span says about content: a conversation, documents, a tool's call, or just two texts.

import { isObject, type Json, type JsonObject, readJson, readNested, textAt, textOf } from "../json";
import { messageFromEvent, messagesFromIndexed, messagesFromOpenInference, listBelow } from "./indexed";
import { messagesOf, parseMessages, type Side } from "./parse";
import { partsOf } from "./parts";
import type { Message, Messages } from "./types";

/** What is read of a span here. */
export interface ContentSpan {
  operation: string;
  input_key: string;
  output_key: string;
  input?: string | null | undefined;
  output?: string | null | undefined;
  payload_attributes?: Readonly<Record<string, unknown>> | null | undefined;
  payload_events?: readonly { name: string; attributes: Readonly<Record<string, unknown>> }[] | null | undefined;
}

export interface Document {
  id: string;
  score: number | undefined;
  title: string;
  text: string;
  rest: JsonObject;
}

/** One side of a span that is no conversation. */
export interface Block {
  label: string;
  raw: string;
  value: Json;
  isJson: boolean;
  broken: boolean;
}

export type Content =
  | { kind: "none" }
  | { kind: "conversation"; input: Messages; output: Messages; tools: Json[] }
  | { kind: "documents"; query: Block | undefined; documents: Document[]; output: Block | undefined }
  | { kind: "blocks"; blocks: Block[] };

const CONVERSATIONS = new Set(["chat", "text_completion", "generate_content", "invoke_agent", "fetch_response", "plan", "create_agent"]);
const MESSAGE_KEYS = new Set(["gen_ai.input.messages", "gen_ai.output.messages"]);
const LABELS: Readonly<Record<string, string>> = {
  "gen_ai.tool.call.arguments": "Arguments",
  "gen_ai.tool.call.result": "Result",
  "gen_ai.retrieval.query.text": "Query",
  "gen_ai.retrieval.documents": "Documents",
};

export function contentOf(span: ContentSpan): Content {
  const attributes = span.payload_attributes ?? {};
  const talks =
    CONVERSATIONS.has(span.operation) || MESSAGE_KEYS.has(span.input_key) || MESSAGE_KEYS.has(span.output_key);
  const input = side(span, "input", talks);
  const output = side(span, "output", talks);
  const system = systemOf(attributes);
  if (input.messages.length + output.messages.length > 0 || (talks && system.length > 0)) {
    const tools = readNested((attributes["gen_ai.tool.definitions"] ?? []) as Json);
    input.messages.unshift(...system);
    return { kind: "conversation", input, output, tools: Array.isArray(tools) ? tools : [] };
  }

  const documents = documentsOf(span, attributes);
  const question = block("input", span.input_key, span.input);
  const answer = block("output", span.output_key, span.output);
  if (documents.length > 0) {
    const shown = span.output_key === "gen_ai.retrieval.documents" ? undefined : answer;
    return { kind: "documents", query: question, documents, output: shown };
  }
  const blocks = [question, answer].filter((each) => each !== undefined);
  return blocks.length > 0 ? { kind: "blocks", blocks } : { kind: "none" };
}

/** Whether a span carries content, as far as can be told before its payload is loaded. */
export function mayHaveContent(span: ContentSpan): boolean {
  return span.input_key !== "" || span.output_key !== "";
}

function side(span: ContentSpan, which: Side, talks: boolean): Messages {
  const attributes = span.payload_attributes ?? {};
  const raw = which === "input" ? span.input : span.output;
  const key = which === "input" ? span.input_key : span.output_key;
  const speaker = which === "input" ? "user" : "assistant";
  const spread = [
    ...messagesFromIndexed(attributes, which === "input" ? "gen_ai.prompt" : "gen_ai.completion", speaker),
    ...messagesFromOpenInference(attributes, which === "input" ? "llm.input_messages" : "llm.output_messages", speaker),
  ];
  if (spread.length > 0 && !MESSAGE_KEYS.has(key)) return { messages: spread, note: "" };
  if (raw && talks) return parseMessages(raw, which);
  const events = (span.payload_events ?? []).flatMap((event) => {
    const found = messageFromEvent(event.name, event.attributes);
    const given = event.name === "gen_ai.choice" || event.name === "gen_ai.content.completion";
    return found && given === (which === "output") ? [found] : [];
  });
  return { messages: events, note: "" };
}

function systemOf(attributes: Readonly<Record<string, unknown>>): Message[] {
  const said = attributes["gen_ai.system_instructions"];
  if (said === undefined || said === null || said === "") return [];
  const parts = partsOf(readNested(said as Json));
  return parts.length > 0 ? messagesOf({ role: "system", parts: readNested(said as Json) }, "system").map((m) => ({ ...m, parts })) : [];
}

function block(which: Side, key: string, raw: string | null | undefined): Block | undefined {
  if (raw === undefined || raw === null || (raw === "" && key === "")) return undefined;
  return { label: LABELS[key] ?? (which === "input" ? "Input" : "Output"), raw, ...readJson(raw) };
}

function documentsOf(span: ContentSpan, attributes: Readonly<Record<string, unknown>>): Document[] {
  let found: Json = [];
  if (span.output_key === "gen_ai.retrieval.documents" && span.output) found = readNested(span.output);
  else if (span.operation === "retrieval" || span.operation === "rerank") {
    for (const prefix of ["reranker.output_documents", "retrieval.documents"]) {
      const list = listBelow(attributes, prefix);
      if (list.length > 0) found = list;
    }
    if (Array.isArray(found) && found.length === 0 && span.output) {
      const read = readNested(span.output);
      if (Array.isArray(read) && read.every(isObject)) found = read;
    }
  }
  if (isObject(found) && Array.isArray(found["documents"])) found = found["documents"];
  return Array.isArray(found) ? found.map(documentOf) : [];
}

const TITLES = ["title", "name", "source", "filename"] as const;
const TEXTS = ["content", "text", "page_content", "passage", "body"] as const;

function documentOf(item: Json): Document {
  const value = isObject(item) && isObject(item["document"]) ? item["document"] : item;
  if (!isObject(value)) return { id: "", score: undefined, title: "", text: textOf(value), rest: {} };
  const metadata = readNested(value["metadata"] ?? null);
  const score = Number(value["score"] ?? value["relevance_score"] ?? value["similarity"] ?? NaN);
  const about = isObject(metadata) ? metadata : {};
  const used = new Set<string>(["id", "score", "relevance_score", "similarity", "metadata", ...TITLES, ...TEXTS]);
  const rest = Object.fromEntries(Object.entries({ ...about, ...value }).filter(([key]) => !used.has(key)));
  return {
    id: typeof value["id"] === "number" ? String(value["id"]) : textAt(value, "id"),
    score: Number.isFinite(score) ? score : undefined,
    title: textAt(value, ...TITLES) || textAt(about, ...TITLES),
    text: textAt(value, ...TEXTS),
    rest,
  };
}
