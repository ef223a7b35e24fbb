import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { SegmentedControl } from "@mantine/core";
import { sessionQuery } from "../api/queries";
import { Copy } from "./Copy";
import { reachable } from "../lib/addresses";
import styles from "./Onboarding.module.css";

const WAYS = [
  { value: "env", label: "OpenTelemetry" },
  { value: "python", label: "Python" },
  { value: "demo", label: "Sample data" },
] as const;
type Way = (typeof WAYS)[number]["value"];

const INTRODUCTIONS: Record<Way, string> = {
  env: "Any application that speaks OpenTelemetry can send here. Set these where it runs, and start it again.",
  python: "The SDK records functions and model calls, and never gets in the way of what they do.",
  demo: "Run this in a checkout of Spanglass. It answers questions about an invented shop, without any model or key.",
};

/** Shown until the first trace is there: the lines to paste, and a light. */
export function Onboarding({ arrived }: { arrived: boolean }) {
  const [way, setWay] = useState<Way>("env");
  const { data: session } = useQuery(sessionQuery);
  const http = reachable(session?.otlp_http ?? "", location, 4318);
  const grpc = reachable(session?.otlp_grpc ?? "", location, 4317);
  const key = session?.key_needed ? `export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20YOUR_INGEST_KEY"\n` : "";
  const lines: Record<Way, string> = {
    env: `export OTEL_EXPORTER_OTLP_ENDPOINT="http://${http}"
export OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf"
${key}export OTEL_SERVICE_NAME="my-application"
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="SPAN_ONLY"
`,
    python: `import spanglass

spanglass.init("http://${http}", service="my-application"${session?.key_needed ? ', headers={"Authorization": "Bearer YOUR_INGEST_KEY"}' : ""})

@spanglass.observe
def answer(question: str) -> str:
    with spanglass.generation(model="gpt-4o-mini", messages=question) as call:
        text = ask_your_model(question)
        call.output(text)
    return text
`,
    demo: `OTEL_EXPORTER_OTLP_ENDPOINT="http://${http}" \\
  ${session?.key_needed ? `OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20YOUR_INGEST_KEY" \\\n  ` : ""}python examples/otel_only_service.py --questions 20
`,
  };
  return (
    <div className={styles["page"]}>
      <section className={styles["card"]}>
        <h2>Send your first trace</h2>
        <p>{INTRODUCTIONS[way]}</p>
        <SegmentedControl data={WAYS.map((each) => ({ ...each }))} value={way} onChange={(value) => setWay(value)} size="xs" aria-label="How to send" />
        <div className={styles["code"]}>
          <pre tabIndex={0}>{lines[way]}</pre>
          <Copy value={lines[way]} label="Copy the lines" />
        </div>
        {session?.key_needed && <p>The key is one for sending: <code>spanglass keys create --scope ingest</code> makes it.</p>}
        <p className={styles["light"]} role="status" data-arrived={arrived || undefined}>
          <i aria-hidden />
          {arrived ? "Your first trace is here" : `Waiting for the first span on ${http} (HTTP) and ${grpc} (gRPC)`}
        </p>
      </section>
    </div>
  );
}
