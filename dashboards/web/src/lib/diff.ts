// What two texts say differently, line by line.

export interface Line {
  kind: "same" | "added" | "removed" | "gap";
  text: string;
  before: number | null;
  after: number | null;
}

/** Lines of which each is compared with every other; beyond, all of the middle counts as changed. */
const MOST_LINES = 1_500;
/** Lines that stay the same and are shown around those that differ. */
const AROUND = 3;

/** The lines that differ and those around them; none where both texts are the same. Source: Wagner and Fischer 1974. */
export function diffLines(before: string, after: string): Line[] {
  if (before === after) return [];
  const [a, b] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const lines: Line[] = [];
  const add = (kind: "same" | "added" | "removed", i: number, j: number): void => {
    lines.push({ kind, text: (kind === "added" ? b[j] : a[i]) ?? "", before: kind === "added" ? null : i + 1, after: kind === "removed" ? null : j + 1 });
  };
  for (let place = 0; place < head; place += 1) add("same", place, place);
  middle(a, b, head, a.length - tail, b.length - tail, add);
  for (let place = tail; place > 0; place -= 1) add("same", a.length - place, b.length - place);
  return shortened(lines);
}

function middle(a: readonly string[], b: readonly string[], from: number, endA: number, endB: number, add: (kind: "same" | "added" | "removed", i: number, j: number) => void): void {
  const [rows, columns] = [endA - from, endB - from];
  let [i, j] = [0, 0];
  if (rows <= MOST_LINES && columns <= MOST_LINES) {
    const width = columns + 1;
    const longest = new Uint16Array((rows + 1) * width);
    const at = (row: number, column: number): number => longest[row * width + column] ?? 0;
    for (let row = rows - 1; row >= 0; row -= 1) {
      for (let column = columns - 1; column >= 0; column -= 1) {
        longest[row * width + column] = a[from + row] === b[from + column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
      }
    }
    while (i < rows && j < columns) {
      if (a[from + i] === b[from + j]) add("same", from + i++, from + j++);
      else if (at(i + 1, j) >= at(i, j + 1)) add("removed", from + i++, from + j);
      else add("added", from + i, from + j++);
    }
  }
  while (i < rows) add("removed", from + i++, from + j);
  while (j < columns) add("added", from + i, from + j++);
}

/** Long stretches that are the same, as one gap. */
function shortened(lines: readonly Line[]): Line[] {
  const near = new Set<number>();
  lines.forEach((line, place) => {
    if (line.kind !== "same") for (let each = place - AROUND; each <= place + AROUND; each += 1) near.add(each);
  });
  const kept: Line[] = [];
  let hidden = 0;
  lines.forEach((line, place) => {
    if (near.has(place)) {
      if (hidden > 0) kept.push(gap(hidden));
      hidden = 0;
      kept.push(line);
    } else hidden += 1;
  });
  if (hidden > 0) kept.push(gap(hidden));
  return kept;
}

function gap(lines: number): Line {
  return { kind: "gap", text: `${lines} ${lines === 1 ? "line" : "lines"} the same`, before: null, after: null };
}
