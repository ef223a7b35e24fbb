// Places in a text that a judgement points at.

import { claimsOf } from "./grounded";
import type { Judgement } from "./scores";

interface Explained extends Judgement {
  explanation?: string | null | undefined;
}

/** Shorter words are everywhere. */
const SHORTEST = 12;
const LONGEST = 600;
const MOST = 20;
/** A sentence with less support is not grounded. */
const GROUNDED = 0.5;

/** What to look for in the texts of a span: of what was found there, the sentences that are written down as evidence. */
export function marksOf(scores: readonly Explained[]): string[] {
  const found = scores.flatMap(({ label, explanation }) => {
    if (!label || !explanation) return [];
    const claims = claimsOf(explanation);
    return claims.length > 0 ? claims.filter((claim) => claim.support < GROUNDED).map((claim) => claim.sentence) : [explanation];
  });
  return [...new Set(found.map((each) => each.trim()))].filter((each) => each.length >= SHORTEST && each.length <= LONGEST).slice(0, MOST);
}

export interface Piece {
  text: string;
  isMarked: boolean;
}

/** A text in pieces, those that are marks told apart; spaces and line breaks may differ. */
export function piecesOf(text: string, marks: readonly string[]): Piece[] {
  if (marks.length === 0) return [{ text, isMarked: false }];
  const pattern = new RegExp(`(${marks.map(patternOf).join("|")})`, "g");
  // What was matched stands at odd places.
  return text.split(pattern).flatMap((piece, index) => (piece === "" ? [] : [{ text: piece, isMarked: index % 2 === 1 }]));
}

function patternOf(mark: string): string {
  return mark.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
}
