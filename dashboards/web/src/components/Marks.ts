import { createContext } from "react";

/** What texts below point out: sentences that a judgement names as its evidence. */
export const Marks = createContext<readonly string[]>([]);
