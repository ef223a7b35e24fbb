import { Button } from "@mantine/core";
import { IconAlertTriangle, IconCloudOff, IconLock, IconZoomQuestion } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ApiProblem, UNREACHABLE } from "../api/client";
import { State } from "./State";

/** An error of the API, with what to do about it. */
export function Problem({ error, retry, action }: { error: unknown; retry: () => void; action?: ReactNode }) {
  const problem =
    error instanceof ApiProblem ? error : new ApiProblem(0, "Something went wrong here", String(error));
  const again = <Button onClick={retry}>Try again</Button>;
  if (problem.status === 404) {
    return <State icon={<IconZoomQuestion />} title="Not found" action={<>{action}{again}</>}>{problem.detail}</State>;
  }
  if (problem.status === 401 || problem.status === 403) {
    return <State icon={<IconLock />} tone="error" title={problem.title} action={again}>{problem.detail}</State>;
  }
  const away = problem.status === 0 || problem.status >= 502;
  return (
    <State icon={away ? <IconCloudOff /> : <IconAlertTriangle />} tone="error" title={problem.title} action={<>{action}{again}</>}>
      {problem.detail}
      {problem.title === UNREACHABLE && <p>Is it running? <code>spanglass serve</code> starts it, and <code>spanglass doctor</code> says what is missing.</p>}
      {problem.status === 503 && <p>It usually is back within seconds. <code>spanglass doctor</code> says what is missing.</p>}
    </State>
  );
}
