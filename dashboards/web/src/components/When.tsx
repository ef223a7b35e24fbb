import { useEffect, useState } from "react";
import { formatExact, formatRelative, millisOf } from "../lib/time";

/** A clock that all times on the page share, so that they agree and one timer drives them. */
const listeners = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    listeners.add(setNow);
    timer ??= setInterval(() => listeners.forEach((listener) => listener(Date.now())), 5_000);
    return () => {
      listeners.delete(setNow);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return now;
}

/** How long ago; the exact time on hover. */
export function When({ time, now }: { time: string; now: number }) {
  const millis = millisOf(time);
  return (
    <time dateTime={time} title={`${formatExact(millis)}\n${time}`}>
      {formatRelative(millis, Math.max(now, millis))}
    </time>
  );
}
