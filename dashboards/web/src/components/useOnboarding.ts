import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { anyTraceQuery } from "../api/queries";

/** Milliseconds between two looks for the very first trace. */
const WAITING_EVERY = 1_000;
/** Milliseconds for which the light stays green before the page takes its place. */
const GREEN_FOR = 1_500;

/**
 * Whether to show how to send: where a page has nothing to show and there is no trace of any age,
 * until the first one is there, and a moment longer.
 */
export function useOnboarding(nothing: boolean, refetch: () => unknown): { stage: "waiting" | "arrived" | undefined; isPending: boolean } {
  const any = useQuery({ ...anyTraceQuery, enabled: nothing, refetchInterval: (query) => (query.state.data ? false : WAITING_EVERY) });
  const found = nothing ? any.data : undefined;
  const [stage, setStage] = useState<"waiting" | "arrived">();
  if (stage === undefined && found === false) setStage("waiting");
  if (stage === "waiting" && found === true) setStage("arrived");
  // What came between the page's question and this one is in no answer yet, and may be of just now.
  useEffect(() => {
    if (found === true) void refetch();
  }, [found, refetch]);
  useEffect(() => {
    if (stage !== "arrived") return;
    const timer = setTimeout(() => setStage(undefined), GREEN_FOR);
    return () => clearTimeout(timer);
  }, [stage]);
  return { stage, isPending: nothing && any.isPending };
}
