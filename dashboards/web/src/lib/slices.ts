// Long texts in pieces, so that a page never lays out megabytes at once.

/**
 * The first `count` characters, or a few less: it ends with a line or a word where one ends nearby, and never
 * in the middle of a character.
 */
export function cut(text: string, from: number, count: number): string {
  let end = Math.min(text.length, from + count);
  if (end < text.length) {
    const line = text.lastIndexOf("\n", end);
    const space = text.lastIndexOf(" ", end);
    if (line > from + count / 2) end = line + 1;
    else if (space > from + count / 2) end = space + 1;
    else if (isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
  }
  return text.slice(from, end);
}

/** Consecutive pieces of the first `shown` characters. */
export function pieces(text: string, shown: number, size: number): string[] {
  const found: string[] = [];
  const end = Math.min(shown, text.length);
  for (let from = 0; from < end; ) {
    const piece = cut(text, from, Math.min(size, end - from));
    if (piece === "") break;
    found.push(piece);
    from += piece.length;
  }
  return found;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
