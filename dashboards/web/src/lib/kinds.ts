// What a span does, in the few classes that a reader tells apart by colour and sign.

export type Kind =
  | "llm" | "embedding" | "retrieval" | "rerank" | "tool" | "agent" | "workflow" | "memory"
  | "server" | "client" | "queue" | "internal";

const BY_OPERATION: Readonly<Record<string, Kind>> = {
  chat: "llm",
  text_completion: "llm",
  generate_content: "llm",
  fetch_response: "llm",
  embeddings: "embedding",
  retrieval: "retrieval",
  rerank: "rerank",
  execute_tool: "tool",
  invoke_agent: "agent",
  create_agent: "agent",
  plan: "agent",
  invoke_workflow: "workflow",
};

export const KIND_LABELS: Readonly<Record<Kind, string>> = {
  llm: "Model call",
  embedding: "Embedding",
  retrieval: "Retrieval",
  rerank: "Rerank",
  tool: "Tool",
  agent: "Agent",
  workflow: "Workflow",
  memory: "Memory",
  server: "Server",
  client: "Client",
  queue: "Queue",
  internal: "Span",
};

export function kindOf(operation: string, spanKind: string): Kind {
  const known = BY_OPERATION[operation];
  if (known) return known;
  if (operation.endsWith("_memory") || operation.endsWith("_memory_store")) return "memory";
  if (spanKind === "server" || spanKind === "client") return spanKind;
  if (spanKind === "producer" || spanKind === "consumer") return "queue";
  return "internal";
}
