import { describe, expect, it } from "vitest";
import { readJson } from "../json";
import { contentOf, type ContentSpan } from "./conversation";
import { BROKEN_NOTE, parseMessages } from "./parse";

const SPAN: ContentSpan = { operation: "chat", input_key: "gen_ai.input.messages", output_key: "gen_ai.output.messages" };

describe("parseMessages", () => {
  it("reads OpenTelemetry's parts", () => {
    const { messages } = parseMessages(JSON.stringify([
      { role: "system", parts: [{ type: "text", content: "Be brief." }] },
      { role: "user", parts: [{ type: "text", content: "Weather?" }, { type: "uri", modality: "image", uri: "https://example.com/x.png" }] },
      { role: "assistant", parts: [{ type: "reasoning", content: "Hm." }, { type: "tool_call", id: "c1", name: "get", arguments: { city: "Oslo" } }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "{\"c\":4}" }] },
    ]), "input");
    expect(messages.map((m) => m.role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(messages[1]?.parts[1]).toEqual({ kind: "media", modality: "image", mime: "", source: "uri", data: "https://example.com/x.png" });
    expect(messages[2]?.parts).toEqual([{ kind: "reasoning", text: "Hm." }, { kind: "tool_call", name: "get", id: "c1", input: { city: "Oslo" } }]);
    expect(messages[3]?.parts).toEqual([{ kind: "tool_result", name: "", id: "c1", output: { c: 4 } }]);
  });

  it("reads OpenAI's messages and answers", () => {
    const { messages } = parseMessages(JSON.stringify({ messages: [
      { role: "developer", content: "Rules" },
      { role: "user", content: [{ type: "text", text: "Look" }, { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }] },
      { role: "assistant", content: null, tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{\"a\":1}" } }] },
      { role: "tool", tool_call_id: "c", content: "done" },
    ] }), "input");
    expect(messages.map((m) => m.role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(messages[1]?.parts[1]).toMatchObject({ kind: "media", source: "inline", mime: "image/png", data: "AAAA" });
    expect(messages[2]?.parts).toEqual([{ kind: "tool_call", name: "f", id: "c", input: { a: 1 } }]);
    expect(messages[3]?.parts).toEqual([{ kind: "tool_result", name: "", id: "c", output: "done" }]);
    const answer = parseMessages(JSON.stringify({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hi", refusal: "No." } }] }), "output");
    expect(answer.messages[0]).toMatchObject({ role: "assistant", finishReason: "stop", parts: [{ kind: "text", text: "Hi" }, { kind: "refusal", text: "No." }] });
  });

  it("reads Anthropic's content and the Responses API", () => {
    const { messages } = parseMessages(JSON.stringify({ system: "Sys", messages: [
      { role: "assistant", content: [{ type: "thinking", thinking: "…" }, { type: "tool_use", id: "t", name: "n", input: { q: 1 } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [{ type: "text", text: "42" }] }] },
    ] }), "input");
    expect(messages[0]).toMatchObject({ role: "system" });
    expect(messages[2]?.parts[0]).toEqual({ kind: "tool_result", name: "", id: "t", output: "42" });
    const items = parseMessages(JSON.stringify([
      { type: "message", role: "user", content: [{ type: "input_text", text: "Q" }] },
      { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "1", output: "R" },
    ]), "input").messages;
    expect(items.map((m) => [m.role, m.parts[0]?.kind])).toEqual([["user", "text"], ["assistant", "tool_call"], ["tool", "tool_result"]]);
  });

  it("takes text for text and says when JSON is broken", () => {
    expect(parseMessages("Hello", "output").messages[0]).toMatchObject({ role: "assistant", parts: [{ kind: "text", text: "Hello" }] });
    const cut = '[{"role":"user","parts":[{"type":"text","content":"cut he';
    expect(parseMessages(cut, "input")).toMatchObject({ note: BROKEN_NOTE, messages: [{ role: "user", parts: [{ kind: "text", text: cut }] }] });
    expect(parseMessages("", "input").messages).toEqual([]);
  });

  it.each(["null", "[]", "{}", "[null]", "[[1]]", '[{"role":5}]', '{"role":"user"}', '{"messages":{"a":1}}', '[{"role":"tool","content":null}]', '{"choices":[null]}', "[1,2]", '[{"parts":"x"}]', '{"role":"x","parts":[null,3,"s",{"type":"???"}]}'])(
    "does not fail on %s", (raw) => {
      expect(() => parseMessages(raw, "input")).not.toThrow();
    });
});

describe("readJson", () => {
  it("tells broken JSON from prose in brackets", () => {
    expect(readJson('{"a": 1').broken).toBe(true);
    expect(readJson("[1] The returns policy").broken).toBe(false);
    expect(readJson("[loyalty] Trail Club").broken).toBe(false);
    expect(readJson("plain").broken).toBe(false);
    expect(readJson(' {"a": 1} ')).toEqual({ value: { a: 1 }, isJson: true, broken: false });
  });
});

describe("contentOf", () => {
  it("puts system instructions first and lists tools", () => {
    const content = contentOf({ ...SPAN, input: '[{"role":"user","parts":[]}]', output: "", payload_attributes: {
      "gen_ai.system_instructions": '[{"type":"text","content":"S"}]', "gen_ai.tool.definitions": '[{"type":"function","name":"f"}]' } });
    expect(content).toMatchObject({ kind: "conversation", tools: [{ name: "f" }], input: { messages: [{ role: "system", parts: [{ text: "S" }] }, { role: "user" }] } });
  });

  it("reads documents with scores", () => {
    const content = contentOf({ operation: "retrieval", input_key: "gen_ai.retrieval.query.text", output_key: "gen_ai.retrieval.documents",
      input: "points?", output: JSON.stringify([{ id: "loyalty", score: 0.21, content: "Trail Club", metadata: { title: "Club", page: 3 } }, "bare"]) });
    expect(content).toMatchObject({ kind: "documents", query: { label: "Query", raw: "points?" }, documents: [
      { id: "loyalty", score: 0.21, title: "Club", text: "Trail Club", rest: { page: 3 } }, { text: "bare", score: undefined }] });
  });

  it("reads messages spread over attributes", () => {
    const older = contentOf({ ...SPAN, input_key: "", output_key: "", payload_attributes: {
      "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Q", "gen_ai.prompt.10.role": "user", "gen_ai.prompt.10.content": "Last",
      "gen_ai.completion.0.content": "A", "gen_ai.completion.0.finish_reason": "stop" } });
    expect(older).toMatchObject({ input: { messages: [{ parts: [{ text: "Q" }] }, { parts: [{ text: "Last" }] }] }, output: { messages: [{ role: "assistant", finishReason: "stop", parts: [{ text: "A" }] }] } });
    const inference = contentOf({ ...SPAN, input_key: "input.value", input: "{}", output_key: "", payload_attributes: {
      "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.contents.0.message_content.type": "text",
      "llm.input_messages.0.message.contents.0.message_content.text": "Hi",
      "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"x":1}' } });
    expect(inference).toMatchObject({ input: { messages: [{ role: "user", parts: [{ kind: "text", text: "Hi" }] }] }, output: { messages: [{ parts: [{ kind: "tool_call", name: "f", input: { x: 1 } }] }] } });
  });

  it("reads events of older conventions", () => {
    const content = contentOf({ ...SPAN, input_key: "", output_key: "", payload_events: [
      { name: "gen_ai.user.message", attributes: { content: "Q" } },
      { name: "gen_ai.choice", attributes: { finish_reason: "stop", message: '{"content":"A"}' } }] });
    expect(content).toMatchObject({ input: { messages: [{ role: "user", parts: [{ text: "Q" }] }] }, output: { messages: [{ role: "assistant", finishReason: "stop", parts: [{ text: "A" }] }] } });
  });

  it("shows other spans as two blocks, and nothing as nothing", () => {
    expect(contentOf({ operation: "execute_tool", input_key: "gen_ai.tool.call.arguments", output_key: "gen_ai.tool.call.result", input: '{"a":1}', output: '{"b":' }))
      .toMatchObject({ kind: "blocks", blocks: [{ label: "Arguments", isJson: true }, { label: "Result", isJson: false, broken: true }] });
    expect(contentOf({ operation: "", input_key: "", output_key: "" })).toEqual({ kind: "none" });
  });

  it("is not led astray by keys that are no positions", () => {
    const content = contentOf({ ...SPAN, input_key: "", output_key: "", payload_attributes: {
      "gen_ai.prompt.999999999.content": "far", "gen_ai.prompt.__proto__.x": "no", "gen_ai.prompt.name": "welcome" } });
    expect(["conversation", "none"]).toContain(content.kind);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});
