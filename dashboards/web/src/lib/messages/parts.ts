// One piece of a message, from OpenTelemetry's schema, OpenAI's APIs or Anthropic's.

import { isObject, type Json, type JsonObject, readNested, textAt, textOf } from "../json";
import type { Part } from "./types";

/** The parts of a message's content: a text, one part, or a list of them. */
export function partsOf(content: Json | undefined): Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  if (Array.isArray(content)) return content.flatMap(partOf);
  return partOf(content);
}

/** A call as OpenAI writes it: `{"id", "function": {"name", "arguments"}}`. */
export function toolCallOf(value: Json): Part {
  if (!isObject(value)) return { kind: "other", type: "tool call", value };
  const called = isObject(value["function"]) ? value["function"] : value;
  const input = called["arguments"] ?? called["input"] ?? called["args"] ?? null;
  return {
    kind: "tool_call",
    name: textAt(called, "name") || "tool",
    id: textAt(value, "id", "call_id"),
    input: readNested(input),
  };
}

function partOf(value: Json): Part[] {
  if (typeof value === "string") return partsOf(value);
  if (!isObject(value)) return value === null ? [] : [{ kind: "other", type: "", value }];
  const type = textAt(value, "type");
  const read = BY_TYPE[type];
  if (read) return read(value);
  if (type === "" && typeof value["text"] === "string") return partsOf(value["text"]);
  if (type === "" && typeof value["content"] === "string") return partsOf(value["content"]);
  return [{ kind: "other", type, value }];
}

const text = (value: JsonObject): Part[] => {
  const nested = value["text"];
  const said = textAt(value, "content", "text") || (isObject(nested) ? textAt(nested, "value") : "");
  return [{ kind: "text", text: said }];
};
const reasoning = (value: JsonObject): Part[] => {
  const said = textAt(value, "content", "thinking", "text", "reasoning");
  const summary = Array.isArray(value["summary"]) ? value["summary"].flatMap(partsOf) : [];
  const all = said || summary.map((part) => ("text" in part ? part.text : "")).join("\n\n");
  return all === "" ? [] : [{ kind: "reasoning", text: all }];
};
const result = (value: JsonObject): Part[] => {
  const output = value["response"] ?? value["result"] ?? value["content"] ?? value["output"] ?? null;
  return [{
    kind: "tool_result",
    name: textAt(value, "name"),
    id: textAt(value, "id", "tool_use_id", "call_id", "tool_call_id"),
    output: readNested(flattened(output)),
  }];
};
const uri = (modality: string, address: string, mime = ""): Part => {
  const inline = /^data:([^;,]*)[^,]*,(.*)$/s.exec(address);
  return inline
    ? { kind: "media", modality, mime: inline[1] ?? mime, source: "inline", data: inline[2] ?? "" }
    : { kind: "media", modality, mime, source: "uri", data: address };
};
const image = (value: JsonObject): Part[] => {
  const source = value["image_url"] ?? value["image"] ?? value["url"] ?? value["source"];
  if (typeof source === "string") return [uri("image", source)];
  if (!isObject(source)) return [{ kind: "other", type: "image", value }];
  if (typeof source["data"] === "string") {
    return [{ kind: "media", modality: "image", mime: textAt(source, "media_type"), source: "inline", data: source["data"] }];
  }
  return [uri("image", textAt(source, "url"))];
};

const BY_TYPE: Readonly<Partial<Record<string, (value: JsonObject) => Part[]>>> = {
  text,
  input_text: text,
  output_text: text,
  reasoning,
  thinking: reasoning,
  compaction: reasoning,
  refusal: (value) => [{ kind: "refusal", text: textAt(value, "refusal", "content", "text") }],
  tool_call: (value) => [toolCallOf(value)],
  tool_use: (value) => [toolCallOf(value)],
  function: (value) => [toolCallOf(value)],
  function_call: (value) => [toolCallOf(value)],
  server_tool_call: (value) => [toolCallOf({ ...value, arguments: value["server_tool_call"] ?? null })],
  tool_call_response: result,
  tool_result: result,
  function_call_output: result,
  server_tool_call_response: (value) => result({ ...value, response: value["server_tool_call_response"] ?? null }),
  image,
  image_url: image,
  input_image: image,
  blob: (value) => [{
    kind: "media", modality: textAt(value, "modality") || "file", mime: textAt(value, "mime_type"),
    source: "inline", data: textAt(value, "content", "data"),
  }],
  uri: (value) => [uri(textAt(value, "modality") || "file", textAt(value, "uri"), textAt(value, "mime_type"))],
  file: (value) => {
    const file = isObject(value["file"]) ? value["file"] : value;
    return [{
      kind: "media", modality: textAt(value, "modality") || "file", mime: textAt(value, "mime_type"),
      source: "file", data: textAt(file, "file_id", "filename", "file_name"),
    }];
  },
  input_audio: (value) => {
    const audio = isObject(value["input_audio"]) ? value["input_audio"] : {};
    return [{ kind: "media", modality: "audio", mime: textAt(audio, "format"), source: "inline", data: textAt(audio, "data") }];
  },
};

/** A result of text parts alone is the text. */
function flattened(output: Json): Json {
  if (!Array.isArray(output) || output.length === 0) return output;
  const parts = output.flatMap(partsOf);
  return parts.every((part) => part.kind === "text") ? parts.map((part) => textOf(part.text)).join("\n") : output;
}
