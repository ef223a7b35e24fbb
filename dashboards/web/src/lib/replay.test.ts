import { expect, it } from "vitest";
import type { Json } from "./json";
import type { Content } from "./messages/conversation";
import type { Message } from "./messages/types";
import { asCurl, asPython, requestOf } from "./replay";

const message = (role: Message["role"], parts: Message["parts"]): Message => ({ role, sentRole: role, name: "", parts, finishReason: "" });
const content = (messages: Message[], tools: Json[] = []): Content => ({ kind: "conversation", input: { messages, note: "" }, output: { messages: [], note: "" }, tools });
const SPAN = { request_model: "gpt-4o", response_model: "gpt-4o-2024", attributes: { "gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 400, "gen_ai.request.seed": "x", other: 1 } };

it("makes a call again: texts, tools, their results, images, settings", () => {
  const body = requestOf(SPAN, content([
    message("system", [{ kind: "text", text: "Be brief." }]),
    message("user", [{ kind: "text", text: "What's this?" }, { kind: "media", modality: "image", mime: "image/png", source: "inline", data: "AAAA" }]),
    message("assistant", [{ kind: "reasoning", text: "hm" }, { kind: "tool_call", name: "look", id: "c1", input: { at: 1 } }]),
    message("tool", [{ kind: "tool_result", name: "look", id: "c1", output: { seen: true } }]),
  ], [{ type: "function", name: "look", parameters: { type: "object" } }]));
  expect(body).toEqual({
    model: "gpt-4o",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "What's this?" }, { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }] },
      { role: "assistant", content: null, tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"at":1}' } }] },
      { role: "tool", tool_call_id: "c1", content: '{"seen":true}' },
    ],
    temperature: 0.2,
    max_tokens: 400,
    tools: [{ type: "function", function: { name: "look", parameters: { type: "object" } } }],
  });
});

it("has nothing to say of what is no call", () => {
  expect(requestOf(SPAN, { kind: "none" })).toBeUndefined();
  expect(requestOf({ ...SPAN, request_model: "", response_model: "" }, content([message("user", [])]))).toBeUndefined();
});

it("is inert in a shell and in Python, whatever was said", () => {
  const said = "it's \"$(rm -rf /)\" `x` \\ '''\nJSON\n";
  const body = { model: "m", messages: [{ role: "user", content: said }], stream: false, stop: null, tools: [] };
  const curl = asCurl(body);
  const json = curl.slice(curl.indexOf("<<'JSON'\n") + 9, curl.lastIndexOf("\nJSON\n"));
  expect(JSON.parse(json)).toEqual(body);
  expect(curl.split("\n").filter((line) => line === "JSON")).toHaveLength(1);
  const python = asPython(body);
  expect(python).toContain(`"content": ${JSON.stringify(said)},`);
  expect(python).toContain("stream=False,\n    stop=None,\n    tools=[],");
});
