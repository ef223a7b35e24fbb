// Dialects that spread a list over attributes: `gen_ai.prompt.0.content`,
// `llm.input_messages.0.message.tool_calls.0.tool_call.function.name`.

import { isObject, type Json, type JsonObject, readNested, textAt } from "../json";
import { message, messagesOf } from "./parse";
import { partsOf } from "./parts";
import type { Message, Part } from "./types";

/** Positions beyond this are taken for keys, so that no attribute's name makes a huge list. */
const MOST_POSITIONS = 10_000;
/** The deepest attribute of any dialect has ten steps. */
const MOST_STEPS = 32;

/** The list that attributes below a prefix spell out; empty if there are none. */
export function listBelow(attributes: Readonly<Record<string, unknown>>, prefix: string): Json[] {
  const whole = attributes[prefix];
  if (typeof whole === "string") {
    const read = readNested(whole);
    if (Array.isArray(read)) return read;
  }
  const root: JsonObject = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (!key.startsWith(`${prefix}.`)) continue;
    const path = key.slice(prefix.length + 1).split(".");
    if (!/^\d+$/.test(path[0] ?? "") || path.length > MOST_STEPS || path.includes("__proto__")) continue;
    put(root, path, value as Json);
  }
  const list = asLists(root);
  return Array.isArray(list) ? list : [];
}

function put(root: JsonObject, path: readonly string[], value: Json): void {
  let place = root;
  for (const step of path.slice(0, -1)) {
    const below = place[step];
    const next: JsonObject = isObject(below) ? below : {};
    place[step] = next;
    place = next;
  }
  const last = path.at(-1);
  if (last !== undefined) place[last] = value;
}

/** Objects whose keys are 0, 1, 2 … become lists. */
function asLists(value: Json): Json {
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  if (keys.length > 0 && keys.length < MOST_POSITIONS && keys.every((key) => /^\d{1,5}$/.test(key))) {
    return keys.sort((a, b) => Number(a) - Number(b)).map((key) => asLists(value[key] ?? null));
  }
  return Object.fromEntries(keys.map((key) => [key, asLists(value[key] ?? null)]));
}

/** OpenLLMetry's: `{role, content, tool_calls: [{id, name, arguments}], finish_reason}`. */
export function messagesFromIndexed(attributes: Readonly<Record<string, unknown>>, prefix: string, speaker: string): Message[] {
  return listBelow(attributes, prefix).flatMap((item) => {
    if (!isObject(item)) return messagesOf(item, speaker);
    const content = item["content"];
    // Contents of several parts come as JSON text.
    const nested = typeof content === "string" ? readNested(content) : (content ?? null);
    return messagesOf({ role: speaker, ...item, content: Array.isArray(nested) ? nested : (content ?? null) }, speaker);
  });
}

/** OpenInference's: everything one level deeper, under `message`. */
export function messagesFromOpenInference(attributes: Readonly<Record<string, unknown>>, prefix: string, speaker: string): Message[] {
  return listBelow(attributes, prefix).flatMap((item) => {
    const inner = isObject(item) && isObject(item["message"]) ? item["message"] : item;
    if (!isObject(inner)) return messagesOf(inner, speaker);
    const contents = Array.isArray(inner["contents"]) ? inner["contents"].map(contentOf) : undefined;
    const calls = Array.isArray(inner["tool_calls"])
      ? inner["tool_calls"].map((call) => (isObject(call) && isObject(call["tool_call"]) ? call["tool_call"] : call))
      : undefined;
    return messagesOf(
      {
        ...inner,
        role: textAt(inner, "role") || speaker,
        ...(contents && { content: contents }),
        ...(calls && { tool_calls: calls }),
      },
      speaker,
    );
  });
}

function contentOf(item: Json): Json {
  const inner = isObject(item) && isObject(item["message_content"]) ? item["message_content"] : item;
  if (!isObject(inner) || !isObject(inner["image"])) return inner;
  const image = inner["image"];
  return { type: "image", image: isObject(image["image"]) ? image["image"] : image };
}

/** Events of OpenTelemetry before 1.37: `gen_ai.user.message`, `gen_ai.choice`. */
export function messageFromEvent(name: string, attributes: Readonly<Record<string, unknown>>): Message | undefined {
  const role = /^gen_ai\.(system|user|assistant|tool)\.message$/.exec(name)?.[1];
  const body = attributes as JsonObject;
  if (role) {
    const calls = typeof body["tool_calls"] === "string" ? readNested(body["tool_calls"]) : body["tool_calls"];
    return messagesOf({ role, ...body, ...(Array.isArray(calls) && { tool_calls: calls }) }, role)[0];
  }
  if (name === "gen_ai.choice") {
    const inner = readNested(body["message"] ?? null);
    return messagesOf({ ...body, message: isObject(inner) ? { role: "assistant", ...inner } : { role: "assistant", content: inner } }, "assistant")[0];
  }
  const plain: Part[] =
    name === "gen_ai.content.prompt" ? partsOf(body["gen_ai.prompt"]) :
    name === "gen_ai.content.completion" ? partsOf(body["gen_ai.completion"]) : [];
  return plain.length > 0 ? message(name.endsWith("prompt") ? "user" : "assistant", plain) : undefined;
}
