// The time axis of a waterfall.

/** Round steps of an axis from 0 to `total`, about `wanted` of them, none past the end. */
export function ticks(total: number, wanted: number): number[] {
  if (!(total > 0) || wanted < 1) return [0];
  const rough = total / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const found: number[] = [];
  for (let at = 0; at <= total * 1.000001; at += step) found.push(at);
  return found;
}
