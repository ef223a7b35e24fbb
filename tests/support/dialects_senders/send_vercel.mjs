// Vercel AI SDK: text, streamed text, an object, an embedding and a tool, with its own telemetry.
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import * as ai from "ai";
import { z } from "zod";

const SYSTEM = "You are the assistant of an outdoor shop. You answer in one or two sentences.";
const QUESTION = "How much is express delivery?";
const provider = new NodeTracerProvider({
  spanProcessors: [
    new BatchSpanProcessor(new OTLPTraceExporter({ url: process.env.OTLP_URL + "/v1/traces" })),
  ],
});
provider.register();
const openai = createOpenAI({ baseURL: process.env.SAMPLE_URL, apiKey: "any" });
const model = openai.chat("gpt-4o-mini");
const telemetry = {
  isEnabled: true,
  functionId: "shop-support",
  metadata: { sessionId: "session-42", userId: "user-7", tags: ["shop", "test"], plan: "free" },
};
const about = { model, maxRetries: 0, experimental_telemetry: telemetry, telemetry };
await ai.generateText({
  ...about, system: SYSTEM, prompt: QUESTION, temperature: 0.5, maxOutputTokens: 60,
});
const tools = {
  get_order_status: ai.tool({
    description: "Look up where an order is, by its number.",
    inputSchema: z.object({ order_id: z.string() }),
    execute: async ({ order_id }) => ({ order_id, status: "shipped" }),
  }),
};
await ai.generateText({
  ...about, system: SYSTEM, prompt: "Where is my order HO-10482?", tools,
  stopWhen: ai.stepCountIs(3),
});
const streamed = ai.streamText({ ...about, system: SYSTEM, prompt: "And how long does it take?" });
for await (const _ of streamed.textStream);
await ai.generateObject({
  ...about, prompt: "Name a price.", schema: z.object({ price: z.number() }),
});
await ai.embed({
  model: openai.embedding("text-embedding-3-small"), value: "tents",
  providerOptions: { openai: { dimensions: 8 } }, experimental_telemetry: telemetry, telemetry,
});
try {
  await ai.generateText({ ...about, prompt: QUESTION, headers: { "x-sample-fault": "429" } });
} catch {}
await provider.forceFlush();
await provider.shutdown();
