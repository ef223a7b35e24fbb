// What an example says, in a line.

type Thing = Readonly<Record<string, unknown>>;

const isThing = (value: unknown): value is Thing => typeof value === "object" && value !== null && !Array.isArray(value);

/** The text of an input or an expected output: of messages, that of the last one. */
export function wordsOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    const last: unknown = value.findLast((each) => isThing(each) && each["role"] === "user") ?? value.at(-1);
    return isThing(last) && "role" in last ? contentOf(last) || JSON.stringify(value) : JSON.stringify(value);
  }
  if (isThing(value)) {
    const values = Object.values(value);
    if (values.length === 1 && typeof values[0] === "string") return values[0];
    if ("role" in value) return contentOf(value) || JSON.stringify(value);
  }
  return JSON.stringify(value);
}

function contentOf(message: Thing): string {
  const content = message["content"] ?? message["parts"];
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const texts = content.map((part: unknown) => (isThing(part) ? (part["content"] ?? part["text"]) : part));
  return texts.filter((text) => typeof text === "string").join(" ").trim();
}
