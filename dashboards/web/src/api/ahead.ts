// What the first page will ask, asked while the rest of the application is still being read.

import { noop } from "@tanstack/react-query";
import { parseSearch, rangeOf, readTraceSearch, toFilters } from "../lib/search";
import { facetsQuery, queryClient, traceQuery, tracesQuery } from "./queries";

/** A failure stays with its question: the page that asks it again shows it. */
export function askAhead({ pathname, search }: Location): void {
  if (pathname === "/" || pathname === "/traces") {
    const wanted = readTraceSearch(parseSearch(search));
    queryClient.infiniteQuery(tracesQuery(toFilters(wanted), rangeOf(wanted))).catch(noop);
    queryClient.query(facetsQuery(rangeOf(wanted))).catch(noop);
  }
  const traceId = /^\/traces\/([0-9a-f]{32})$/i.exec(pathname)?.[1];
  if (traceId) queryClient.query(traceQuery(traceId.toLowerCase())).catch(noop);
}
