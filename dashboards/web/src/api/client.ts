// The HTTP API, typed from its OpenAPI document.

import createClient from "openapi-fetch";
import { askForKey, currentKey } from "./auth";
import type { components, paths } from "./schema.gen";

export type Trace = components["schemas"]["Trace"];
export type TraceDetail = components["schemas"]["TraceDetail"];
export type Span = components["schemas"]["Span"];
export type SpanEvent = components["schemas"]["SpanEvent"];
export type Score = components["schemas"]["ScoreOut"];
export type Facets = components["schemas"]["TraceFacets"];
export type Understood = components["schemas"]["Understood"];
export type QueryOption = components["schemas"]["OptionOut"];
export type TraceChart = components["schemas"]["ChartOut"];
export type Timeline = components["schemas"]["Timeline"];
export type Overview = components["schemas"]["Overview"];
export type Figures = components["schemas"]["Figures"];
export type Cost = components["schemas"]["Cost"];
export type CostChanges = components["schemas"]["CostChanges"];
export type CostForecast = components["schemas"]["CostForecast"];
export type Advice = components["schemas"]["AdviceOut"];
export type Saving = components["schemas"]["FindingOut"];
export type CostParameters = NonNullable<paths["/api/v1/cost"]["get"]["parameters"]["query"]>;
export type SqlAnswer = components["schemas"]["Answer"];
export type Alert = components["schemas"]["AlertOut"];
export type AlertRule = components["schemas"]["RuleOut"];
export type RuleDraft = components["schemas"]["DraftOut"];
export type RulePreview = components["schemas"]["PreviewOut"];
export type Incident = components["schemas"]["IncidentOut"];
export type IncidentDetail = components["schemas"]["IncidentDetail"];
export type IncidentEntry = components["schemas"]["EntryOut"];
export type GatheredAlert = components["schemas"]["GatheredAlert"];
export type Prompt = components["schemas"]["PromptOut"];
export type WholePrompt = components["schemas"]["WholePrompt"];
export type PromptVersion = components["schemas"]["VersionOut"];
export type Comparison = components["schemas"]["Comparison"];
export type WholeDataset = components["schemas"]["WholeDataset"];
export type DatasetItem = components["schemas"]["ItemOut"];
export type DriftFinding = components["schemas"]["DriftFinding"];
export type DriftFindingWhole = components["schemas"]["DriftFindingWhole"];
export type Topic = components["schemas"]["TopicOut"];
export type DriftResult = components["schemas"]["DriftResultOut"];
export type DriftRow = components["schemas"]["DriftRow"];
export type DriftDistribution = components["schemas"]["DriftDistribution"];
export type ScoreChange = components["schemas"]["ScoreChange"];
export type ScoreChanges = components["schemas"]["ScoreChanges"];
export type ScoreExample = components["schemas"]["Example"];
export type Calibration = components["schemas"]["CalibrationOut"];
export type AgreementRow = components["schemas"]["AgreementOut"];
export type Conversation = components["schemas"]["Conversation"];
export type User = components["schemas"]["User"];
export type Turn = components["schemas"]["Turn"];
export type Board = components["schemas"]["Board"];
export type Engine = components["schemas"]["Watched"];
export type EngineStart = components["schemas"]["Began"];
export type Surroundings = components["schemas"]["Around"];
export type GpuSeries = components["schemas"]["GpuSeries"];
export type SessionInfo = components["schemas"]["SessionInfo"];
export type TraceListParameters = NonNullable<paths["/api/v1/traces"]["get"]["parameters"]["query"]>;

/** No question goes unanswered for longer than this; the service's own limit is 30 s. */
const TIMEOUT_MS = 40_000;

/** The title of a problem where nothing answers at all. */
export const UNREACHABLE = "Can't reach Spanglass";

/** An answer that is an error, in the service's words; status 0 where there was no answer. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    // A question that nobody waits for any more is no failure.
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    if (error instanceof DOMException && error.name === "TimeoutError") {
      throw new ApiProblem(0, "No answer in time", "The service took longer than 40 seconds. Try a shorter range of time.");
    }
    throw new ApiProblem(0, UNREACHABLE, "The service does not answer. It may be restarting, or the network is away.");
  }
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

api.use({
  onRequest({ request }) {
    const key = currentKey();
    if (key && !request.headers.has("Authorization")) request.headers.set("Authorization", `Bearer ${key}`);
    return new Request(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]) });
  },
});

interface Answer<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws `ApiProblem`; asks for a key where that is what is missing. */
export async function dataOf<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked.catch((cause: unknown) => {
    if (cause instanceof SyntaxError) throw new ApiProblem(502, "Not understood", "The answer was not the service's. Is there a proxy in between?");
    throw cause;
  });
  if (response.ok && data !== undefined) return data;
  // Something that was deleted has no answer to be read.
  if (response.status === 204) return undefined as T;
  const problem = problemOf(response, error);
  if (problem.status === 401) askForKey(problem.detail);
  throw problem;
}

function problemOf(response: Response, body: unknown): ApiProblem {
  if (typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string") {
    const title = "title" in body && typeof body.title === "string" ? body.title : `Error ${response.status}`;
    return new ApiProblem(response.status, title, body.detail);
  }
  return new ApiProblem(response.status, `Error ${response.status}`, "The service gave no reason. Its log may have one.");
}
