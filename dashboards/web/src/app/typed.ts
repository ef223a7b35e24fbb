// Fields whose text stands in the address.

import { useEffect, useState } from "react";

interface Typed {
  text: string;
  /** What somebody types: the address follows after a pause. */
  type: (text: string) => void;
  /** What the address has to say at once. */
  settle: (text: string) => void;
}

/** Milliseconds after the last letter until the address follows. */
const PAUSE = 250;

/**
 * The text of a field that the address follows, and that follows the address where something else
 * changed it: back, a link, "clear". What comes back from the address late never undoes letters
 * that were typed meanwhile.
 */
export function useTyped(address: string, onSettled: (text: string) => void, pause = PAUSE): Typed {
  const [text, type] = useState(address);
  const [known, setKnown] = useState(address);
  const [asked, setAsked] = useState(address);
  if (known !== address) {
    setKnown(address);
    if (address !== asked) {
      setAsked(address);
      type(address);
    }
  }
  const wanted = text.trim();
  useEffect(() => {
    if (wanted === address) return;
    const timer = setTimeout(() => {
      setAsked(wanted);
      onSettled(wanted);
    }, pause);
    return () => clearTimeout(timer);
  }, [wanted, address, onSettled, pause]);
  const settle = (next: string): void => {
    type(next);
    setAsked(next.trim());
    onSettled(next.trim());
  };
  return { text, type, settle };
}
