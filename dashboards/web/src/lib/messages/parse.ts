// Messages of one side of a model call, from the JSON or text that the span carries.

import { isObject, type Json, type JsonObject, readJson, readNested, textAt } from "../json";
import { partsOf, toolCallOf } from "./parts";
import type { Message, Messages, Part, Role } from "./types";

export type Side = "input" | "output";

export const BROKEN_NOTE = "This is JSON that does not end: it was cut short or is broken. Shown as the text it is.";

/** Never fails: what is not understood comes out as text or as JSON. */
export function parseMessages(raw: string, side: Side): Messages {
  const speaker = side === "input" ? "user" : "assistant";
  const reading = readJson(raw);
  if (!reading.isJson) {
    const note = reading.broken ? BROKEN_NOTE : "";
    return { messages: raw === "" ? [] : [message(speaker, [{ kind: "text", text: raw }])], note };
  }
  return { messages: messagesOf(reading.value, speaker), note: "" };
}

/** Messages from a value that is JSON already. */
export function messagesOf(value: Json, speaker: string): Message[] {
  if (Array.isArray(value)) {
    if (value.some((each) => isObject(each) && isMessage(each))) {
      return value.flatMap((each) => (isObject(each) ? itemOf(each, speaker) : messagesOf(each, speaker)));
    }
    if (value.every((each) => typeof each === "string")) {
      // A list of texts, or of messages that were each written as JSON.
      return value.flatMap((each) => {
        const read = readNested(each);
        return isObject(read) && isMessage(read) ? itemOf(read, speaker) : [message(speaker, partsOf(each))];
      });
    }
    return value.length === 0 ? [] : [message(speaker, partsOf(value))];
  }
  if (!isObject(value)) return value === null ? [] : [message(speaker, partsOf(typeof value === "string" ? value : String(value)))];
  if (isMessage(value)) return itemOf(value, speaker);
  for (const [key, whose] of [["messages", "user"], ["choices", "assistant"], ["input", "user"], ["output", "assistant"], ["candidates", "assistant"], ["contents", "user"]] as const) {
    const inner = value[key];
    if (Array.isArray(inner) && inner.length > 0) return [...systemOf(value), ...messagesOf(inner, whose)];
  }
  for (const key of ["prompt", "input", "question", "query", "completion", "output", "answer", "text"]) {
    const inner = value[key];
    if (typeof inner === "string" && Object.keys(value).length === 1) return [message(speaker, partsOf(inner))];
  }
  return [message(speaker, [{ kind: "other", type: "", value }])];
}

/** What request bodies carry beside their messages. */
function systemOf(value: JsonObject): Message[] {
  const said = value["system"] ?? value["instructions"];
  const parts = partsOf(said);
  return parts.length > 0 ? [message("system", parts)] : [];
}

function isMessage(value: JsonObject): boolean {
  return (
    typeof value["role"] === "string" || Array.isArray(value["parts"]) || isObject(value["message"]) ||
    ["message", "function_call_output"].includes(textAt(value, "type")) ||
    (textAt(value, "type") === "function_call" && "call_id" in value)
  );
}

function itemOf(value: JsonObject, speaker: string): Message[] {
  const inner = value["message"];
  // OpenAI's choices, Logfire's events and others wrap the message.
  if (isObject(inner)) {
    const reason = textAt(value, "finish_reason", "finishReason");
    return itemOf({ ...inner, ...(reason && { finish_reason: reason }) }, speaker);
  }
  const type = textAt(value, "type");
  if (type === "function_call_output") return [message("tool", partsOf(value))];
  if (type === "function_call") return [message("assistant", partsOf(value))];

  const role = textAt(value, "role") || speaker;
  const parts: Part[] = [];
  const thought = value["reasoning_content"] ?? value["reasoning"];
  if (typeof thought === "string" && thought !== "") parts.push({ kind: "reasoning", text: thought });
  const content = partsOf(value["parts"] ?? value["content"]);
  const answers = textAt(value, "tool_call_id");
  if ((role === "tool" || role === "function") && !content.some((part) => part.kind === "tool_result")) {
    const said = value["content"] ?? value["parts"] ?? null;
    const output = content.every((part) => part.kind === "text") ? content.map((part) => part.text).join("\n") : said;
    parts.push({ kind: "tool_result", name: textAt(value, "name"), id: answers, output: readNested(output) });
  } else {
    parts.push(...content);
  }
  const refusal = textAt(value, "refusal");
  if (refusal) parts.push({ kind: "refusal", text: refusal });
  if (Array.isArray(value["tool_calls"])) parts.push(...value["tool_calls"].map(toolCallOf));
  if (isObject(value["function_call"])) parts.push(toolCallOf(value["function_call"]));
  return [message(role, parts, textAt(value, "name"), textAt(value, "finish_reason", "stop_reason"))];
}

export function message(sentRole: string, parts: Part[], name = "", finishReason = ""): Message {
  return { role: roleOf(sentRole), sentRole, name, parts, finishReason };
}

function roleOf(role: string): Role {
  switch (role.toLowerCase()) {
    case "system":
    case "developer":
      return "system";
    case "user":
    case "human":
      return "user";
    case "assistant":
    case "ai":
    case "model":
    case "agent":
      return "assistant";
    case "tool":
    case "function":
      return "tool";
    default:
      return "other";
  }
}
