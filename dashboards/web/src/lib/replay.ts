// A model call as lines that make it again, for any endpoint that speaks OpenAI's chat completions.

import { isObject, type Json, type JsonObject } from "./json";
import type { Content } from "./messages/conversation";
import type { Message, Part } from "./messages/types";

/** What is read of a span here. */
export interface ReplayedSpan {
  request_model: string;
  response_model: string;
  attributes: Readonly<Record<string, unknown>>;
}

/** Settings of a call, by the attribute that has them. */
const SETTINGS: Readonly<Record<string, string>> = {
  "gen_ai.request.temperature": "temperature",
  "gen_ai.request.top_p": "top_p",
  "gen_ai.request.max_tokens": "max_tokens",
  "gen_ai.request.seed": "seed",
  "gen_ai.request.stop_sequences": "stop",
  "gen_ai.request.frequency_penalty": "frequency_penalty",
  "gen_ai.request.presence_penalty": "presence_penalty",
};

/** The body of the request; undefined where the span is no conversation with a model. */
export function requestOf(span: ReplayedSpan, content: Content): JsonObject | undefined {
  const model = span.request_model || span.response_model;
  if (content.kind !== "conversation" || !model || content.input.messages.length === 0) return undefined;
  const body: JsonObject = { model, messages: content.input.messages.flatMap(messagesOf) };
  for (const [attribute, name] of Object.entries(SETTINGS)) {
    const value = span.attributes[attribute];
    if (typeof value === "number" || (Array.isArray(value) && value.length > 0)) body[name] = value as Json;
  }
  if (content.tools.length > 0) body["tools"] = content.tools.map(toolOf);
  return body;
}

function messagesOf(message: Message): JsonObject[] {
  const results = message.parts.filter((part) => part.kind === "tool_result");
  const answers = results.map((part): JsonObject => ({ role: "tool", tool_call_id: part.id, content: written(part.output) }));
  const said = message.parts.flatMap(saidBy);
  const calls = message.parts.flatMap((part): JsonObject[] =>
    part.kind === "tool_call" ? [{ id: part.id, type: "function", function: { name: part.name, arguments: written(part.input) } }] : []);
  if (said.length === 0 && calls.length === 0) return answers;
  const texts = said.every((each) => each["type"] === "text");
  const content: Json = said.length === 0 ? null : texts ? textsOf(message) : said;
  const role = message.role === "other" ? "user" : message.role;
  return [...answers, { role, content, ...(calls.length > 0 && { tool_calls: calls }) }];
}

function textsOf(message: Message): string {
  return message.parts.flatMap((part) => (part.kind === "text" || part.kind === "refusal" ? [part.text] : [])).join("\n");
}

function saidBy(part: Part): JsonObject[] {
  if (part.kind === "text" || part.kind === "refusal") return [{ type: "text", text: part.text }];
  if (part.kind === "media" && part.modality === "image" && part.source !== "file") {
    return [{ type: "image_url", image_url: { url: part.source === "uri" ? part.data : `data:${part.mime};base64,${part.data}` } }];
  }
  return [];
}

function written(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function toolOf(tool: Json): Json {
  if (!isObject(tool) || "function" in tool) return tool;
  return { type: "function", function: Object.fromEntries(Object.entries(tool).filter(([name]) => name !== "type")) };
}

export function asCurl(body: JsonObject): string {
  // A line of this JSON never is the word that ends it.
  return `curl "\${OPENAI_BASE_URL:-https://api.openai.com/v1}/chat/completions" \\
  -H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json" --data @- <<'JSON'
${JSON.stringify(body, null, 2)}
JSON
`;
}

export function asPython(body: JsonObject): string {
  const fields = Object.entries(body).map(([name, value]) => `    ${name}=${python(value, 1)},`);
  return `from openai import OpenAI

# The address and the key come from OPENAI_BASE_URL and OPENAI_API_KEY.
answer = OpenAI().chat.completions.create(
${fields.join("\n")}
)
print(answer.choices[0].message.content)
`;
}

/** A value as Python writes it. */
function python(value: Json, depth: number): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  // Python reads JSON's strings and numbers as they are.
  if (typeof value !== "object") return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const within = Array.isArray(value)
    ? value.map((each) => python(each, depth + 1))
    : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${python(each, depth + 1)}`);
  if (within.length === 0) return open + close;
  const indent = "    ".repeat(depth + 1);
  return `${open}\n${within.map((line) => `${indent}${line},\n`).join("")}${"    ".repeat(depth)}${close}`;
}
