// The first page's code, and what it will ask, fetched while the rest of the application is still being read.

import { noop } from "@tanstack/react-query";
import { loadOverview, loadTrace, loadTraces } from "../app/pages";
import { parseSearch, rangeOf, readOverviewSearch, readTraceSearch, settled, toFilters } from "../lib/search";
import { facetsQuery, overviewQuery, queryClient, scoresQuery, sessionQuery, timelineQuery, traceQuery, tracesQuery } from "./queries";

/** A failure stays with its question: the page that asks it again shows it. */
export function askAhead({ pathname, search }: Location): void {
  if (pathname === "/" || pathname === "/overview") {
    loadOverview().catch(noop);
    const wanted = readOverviewSearch(parseSearch(search));
    queryClient.query(overviewQuery(wanted, rangeOf(wanted))).catch(noop);
    queryClient.query(facetsQuery(rangeOf(wanted))).catch(noop);
  }
  if (pathname === "/traces") {
    loadTraces().catch(noop);
    const wanted = settled(readTraceSearch(parseSearch(search)));
    queryClient.infiniteQuery(tracesQuery(toFilters(wanted), rangeOf(wanted))).catch(noop);
    queryClient.query(facetsQuery(rangeOf(wanted))).catch(noop);
    if (wanted.view !== "chart") queryClient.query(timelineQuery(wanted.q ?? "", rangeOf(wanted))).catch(noop);
  }
  const traceId = /^\/traces\/([0-9a-f]{32})$/i.exec(pathname)?.[1];
  if (traceId) {
    loadTrace().catch(noop);
    queryClient.query(traceQuery(traceId.toLowerCase())).catch(noop);
    queryClient.query(scoresQuery(traceId.toLowerCase())).catch(noop);
  }
  queryClient.query(sessionQuery).catch(noop);
}
