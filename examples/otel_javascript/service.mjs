// A service in JavaScript that knows OpenTelemetry and nothing of Spanglass.
//
//     spanglass serve &
//     cd examples/otel_javascript && npm install
//     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 node service.mjs
//
// It asks a model for an answer and says so in OpenTelemetry's names for generative AI. MODEL_URL is
// any OpenAI-compatible endpoint; without one the answer is made up here.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME ?? "otel-javascript" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
const tracer = provider.getTracer("helpdesk");
const MODEL = "gpt-4o-mini";

async function model(messages) {
  if (!process.env.MODEL_URL) {
    return {
      model: MODEL,
      choices: [{ message: { role: "assistant", content: "Sixty days, unworn." }, finish_reason: "stop" }],
      usage: { prompt_tokens: 14, completion_tokens: 5 },
    };
  }
  const answer = await fetch(`${process.env.MODEL_URL}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${process.env.MODEL_KEY ?? "any"}` },
    body: JSON.stringify({ model: MODEL, messages }),
  });
  if (!answer.ok) throw new Error(`the model answered ${answer.status}`);
  return answer.json();
}

async function chat(question, parent) {
  const messages = [{ role: "user", content: question }];
  const span = tracer.startSpan(
    `chat ${MODEL}`,
    {
      kind: SpanKind.CLIENT,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.input.messages": JSON.stringify([{ role: "user", parts: [{ type: "text", content: question }] }]),
      },
    },
    parent,
  );
  try {
    const answer = await model(messages);
    const [{ message, finish_reason: reason }] = answer.choices;
    span.setAttributes({
      "gen_ai.response.model": answer.model,
      "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
      "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
      "gen_ai.response.finish_reasons": [reason],
      "gen_ai.output.messages": JSON.stringify([
        { role: "assistant", parts: [{ type: "text", content: message.content }], finish_reason: reason },
      ]),
    });
    return message.content;
  } catch (error) {
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
    throw error;
  } finally {
    span.end();
  }
}

const request = tracer.startSpan("GET /ask", { kind: SpanKind.SERVER });
console.log(await chat("How long can I return boots?", trace.setSpan(ROOT_CONTEXT, request)));
request.end();
console.log(`trace ${request.spanContext().traceId}`);
await provider.shutdown();
