// What a detector wrote down as the evidence of groundedness, taken apart.

export interface Claim {
  support: number;
  /** Why there is no more support; empty where nothing in particular speaks against it. */
  reason: string;
  sentence: string;
  /** Who wrote the passage: `document`, `tool`, … */
  from: string;
  passage: string;
}

const CLAIM = /^(\d\.\d\d)(?: \((.*?)\))?: “([^]*?)”\n {4}nearest, from (.*?): “([^]*?)”(?=\n\d\.\d\d[ :]|$)/gm;

/** The claims of a score's explanation; none where it is written in another way. */
export function claimsOf(explanation: string): Claim[] {
  return [...explanation.matchAll(CLAIM)].map(([, support, reason, sentence, from, passage]) => ({
    support: Number(support), reason: reason ?? "", sentence: sentence ?? "", from: from ?? "", passage: passage ?? "",
  }));
}
