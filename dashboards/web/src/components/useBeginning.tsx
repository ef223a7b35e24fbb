import { type ReactNode, useState } from "react";
import { plural } from "../lib/format";
import { MoreButton } from "./MoreButton";

/**
 * The first entries of a list, and the button that shows as many again, if there are more: a payload may
 * hold any number, and each that is laid out costs time.
 */
export function useBeginning<T>(all: readonly T[], step: number, one: string): readonly [readonly T[], ReactNode] {
  const [most, setMost] = useState(step);
  const left = all.length - most;
  const more = left > 0 && <MoreButton onClick={() => setMost(most + step)}>Show {plural(Math.min(step, left), `more ${one}`)}</MoreButton>;
  return [left > 0 ? all.slice(0, most) : all, more];
}
