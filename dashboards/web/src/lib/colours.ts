// Colours of what is told apart in a chart.

/** Groups that have a colour of their own, properties of the look; the others share one. */
export const LINE_COLOURS: readonly string[] = ["--accent", "--llm", "--retrieval", "--tool", "--agent", "--embedding"];
