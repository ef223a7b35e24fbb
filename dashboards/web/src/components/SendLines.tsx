import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { sessionQuery } from "../api/queries";
import { reachable } from "../lib/addresses";
import { Copy } from "./Copy";
import styles from "./SendLines.module.css";

const WAYS = [
  { value: "env", label: "OpenTelemetry" },
  { value: "python", label: "Python" },
  { value: "curl", label: "curl" },
  { value: "demo", label: "Sample data" },
] as const;
type Way = (typeof WAYS)[number]["value"];

const INTRODUCTIONS: Record<Way, string> = {
  env: "Any application that speaks OpenTelemetry can send here. Set these where it runs, and start it again.",
  python: "The SDK records functions and model calls, and never gets in the way of what they do.",
  curl: "One span from a shell, to see that the way is clear.",
  demo: "Run this in a checkout of Spanglass. It answers questions about an invented shop, without any model or key.",
};

/** Where senders reach this service, over HTTP and gRPC. */
export function useDoors(): { http: string; grpc: string; keyNeeded: boolean } {
  const { data: session } = useQuery(sessionQuery);
  return {
    http: reachable(session?.otlp_http ?? "", location, 4318),
    grpc: reachable(session?.otlp_grpc ?? "", location, 4317),
    keyNeeded: session?.key_needed ?? false,
  };
}

/** The lines to paste that make an application send here. */
export function SendLines() {
  const [way, setWay] = useState<Way>("env");
  const { http, keyNeeded } = useDoors();
  const lines: Record<Way, string> = {
    env: `export OTEL_EXPORTER_OTLP_ENDPOINT="http://${http}"
export OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf"
${keyNeeded ? `export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20YOUR_INGEST_KEY"\n` : ""}export OTEL_SERVICE_NAME="my-application"
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="SPAN_ONLY"
`,
    python: `import spanglass

spanglass.init("http://${http}", service="my-application"${keyNeeded ? ', headers={"Authorization": "Bearer YOUR_INGEST_KEY"}' : ""})

@spanglass.observe
def answer(question: str) -> str:
    with spanglass.generation(model="gpt-4o-mini", messages=question) as call:
        text = ask_your_model(question)
        call.output(text)
    return text
`,
    curl: `now=$(date +%s)
curl http://${http}/v1/traces -H "Content-Type: application/json" \\
  ${keyNeeded ? `-H "Authorization: Bearer YOUR_INGEST_KEY" \\\n  ` : ""}-d '{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shell"}}]}, "scopeSpans": [{"spans": [{"traceId": "'$(openssl rand -hex 16)'", "spanId": "'$(openssl rand -hex 8)'", "name": "hello", "kind": 1, "startTimeUnixNano": "'$now'000000000", "endTimeUnixNano": "'$now'500000000"}]}]}]}'
`,
    demo: `OTEL_EXPORTER_OTLP_ENDPOINT="http://${http}" \\
  ${keyNeeded ? `OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20YOUR_INGEST_KEY" \\\n  ` : ""}python examples/otel_only_service.py --questions 20
`,
  };
  return (
    <>
      <p className={styles["introduction"]}>{INTRODUCTIONS[way]}</p>
      <SegmentedControl data={WAYS.map((each) => ({ ...each }))} value={way} onChange={(value) => setWay(value)} size="xs" aria-label="How to send" />
      <div className={styles["code"]}>
        <pre tabIndex={0}>{lines[way]}</pre>
        <Copy value={lines[way]} label="Copy the lines" />
      </div>
      {keyNeeded && <p className={styles["introduction"]}>The key is one for sending: Settings makes it, or <code>spanglass keys create --scope ingest</code>.</p>}
    </>
  );
}

/** Green once there is something. */
export function Light({ on, children }: { on: boolean; children: string }) {
  return (
    <p className={styles["light"]} role="status" data-arrived={on || undefined}>
      <i aria-hidden />
      {children}
    </p>
  );
}
